import type { Socket } from 'node:net';
import { connectTo } from './connect-to.js';

/** A reply in RESP2; an error reply is a value, so that callers can tell it from a lost connection. */
export type RespReply = string | number | null | RespError | readonly RespReply[];

export class RespError {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/** The connection ended with a command in flight: whether it took effect is not known. */
export class RespConnectionError extends Error {
  override readonly name = 'RespConnectionError';
}

interface Waiter {
  resolve(reply: RespReply): void;
  reject(error: Error): void;
}

/** The part of a Redis client that our own tools need: pipelined commands over one connection. */
export class RespClient {
  readonly #socket: Socket;
  readonly #waiters: Waiter[] = [];
  #buffer: Buffer = Buffer.alloc(0);
  #isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', (error) => this.#onEnd(error.message));
    socket.on('close', () => this.#onEnd('connection closed'));
  }

  static async connect(address: string): Promise<RespClient> {
    return new RespClient(await connectTo(address));
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  command(...args: readonly (string | Uint8Array)[]): Promise<RespReply> {
    if (this.#isClosed) return Promise.reject(new RespConnectionError('connection closed'));
    const parts: Uint8Array[] = [Buffer.from(`*${args.length}\r\n`)];
    for (const arg of args) {
      const bytes = typeof arg === 'string' ? Buffer.from(arg) : arg;
      parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, CRLF);
    }
    this.#socket.write(Buffer.concat(parts));
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    let at = 0;
    for (;;) {
      const parsed = parseReply(this.#buffer, at);
      if (parsed === undefined) break;
      at = parsed.end;
      this.#waiters.shift()?.resolve(parsed.reply);
    }
    this.#buffer = this.#buffer.subarray(at);
  }

  #onEnd(message: string): void {
    this.#isClosed = true;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(new RespConnectionError(message));
  }
}

const CRLF = Buffer.from('\r\n');

interface Parsed {
  readonly reply: RespReply;
  readonly end: number;
}

/** One whole reply at `at`, or undefined while bytes are missing. */
function parseReply(buffer: Buffer, at: number): Parsed | undefined {
  const lineEnd = buffer.indexOf(CRLF, at);
  if (lineEnd < 0) return undefined;
  const text = buffer.toString('utf8', at + 1, lineEnd);
  const end = lineEnd + 2;
  switch (String.fromCharCode(buffer[at] ?? 0)) {
    case '+':
      return { reply: text, end };
    case '-':
      return { reply: new RespError(text), end };
    case ':':
      return { reply: Number(text), end };
    case '$':
      return parseBulk(buffer, end, Number(text));
    case '*':
      return parseArray(buffer, end, Number(text));
    default:
      throw new Error(`a reply begins with byte ${buffer[at]}`);
  }
}

function parseBulk(buffer: Buffer, at: number, length: number): Parsed | undefined {
  if (length < 0) return { reply: null, end: at };
  if (buffer.length < at + length + 2) return undefined;
  return { reply: buffer.toString('utf8', at, at + length), end: at + length + 2 };
}

function parseArray(buffer: Buffer, at: number, count: number): Parsed | undefined {
  if (count < 0) return { reply: null, end: at };
  const items: RespReply[] = [];
  let end = at;
  for (let i = 0; i < count; i++) {
    const item = parseReply(buffer, end);
    if (item === undefined) return undefined;
    items.push(item.reply);
    end = item.end;
  }
  return { reply: items, end };
}
