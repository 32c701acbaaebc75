import { connect, type Socket } from 'node:net';

/** A reply with its exact bytes, and what it says. */
export interface RawReply {
  readonly raw: string;
  readonly value: ReplyValue;
}

export type ReplyValue = string | number | null | readonly ReplyValue[];

/** A plain client: sends requests, gives replies as their exact bytes (one char each). */
export class RespClient {
  readonly #socket: Socket;
  #text = '';
  #waiting: ((reply: RawReply) => void)[] = [];
  readonly closed: Promise<void>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.on('close', () => resolve()));
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes) => {
      this.#text += bytes.toString('latin1');
      this.#drain();
    });
  }

  static open(port: number): Promise<RespClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new RespClient(socket)));
    });
  }

  /** Bytes as they are, without waiting for anything. */
  write(bytes: string): void {
    this.#socket.write(Buffer.from(bytes, 'latin1'));
  }

  send(...argv: readonly string[]): Promise<RawReply> {
    const reply = this.next();
    this.write(encodeRequest(argv));
    return reply;
  }

  /** Many requests in one write. */
  pipeline(requests: readonly (readonly string[])[]): Promise<RawReply[]> {
    const replies = requests.map(() => this.next());
    this.write(requests.map(encodeRequest).join(''));
    return Promise.all(replies);
  }

  next(): Promise<RawReply> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#drain();
    });
  }

  /** Everything that came and belongs to no reply. */
  get rest(): string {
    return this.#text;
  }

  close(): void {
    this.#socket.destroy();
  }

  #drain(): void {
    while (this.#waiting.length > 0) {
      const parsed = parse(this.#text, 0);
      if (parsed === undefined) return;
      const raw = this.#text.slice(0, parsed.end);
      this.#text = this.#text.slice(parsed.end);
      this.#waiting.shift()!({ raw, value: parsed.value });
    }
  }
}

export function encodeRequest(argv: readonly string[]): string {
  let out = `*${argv.length}\r\n`;
  for (const arg of argv) out += `$${arg.length}\r\n${arg}\r\n`;
  return out;
}

interface Parsed {
  readonly value: ReplyValue;
  readonly end: number;
}

function parse(text: string, at: number): Parsed | undefined {
  const lineEnd = text.indexOf('\r\n', at);
  if (lineEnd < 0) return undefined;
  const line = text.slice(at + 1, lineEnd);
  const next = lineEnd + 2;
  switch (text[at]) {
    case '+':
    case '-':
    case ',':
    case '#':
    case '(':
      return { value: text[at] === '-' ? `-${line}` : line, end: next };
    case ':':
      return { value: Number(line), end: next };
    case '_':
      return { value: null, end: next };
    case '$':
    case '=': {
      const length = Number(line);
      if (length < 0) return { value: null, end: next };
      if (text.length < next + length + 2) return undefined;
      return { value: text.slice(next, next + length), end: next + length + 2 };
    }
    case '*':
    case '~':
    case '>':
      return parseItems(text, next, Number(line));
    case '%':
      return parseItems(text, next, 2 * Number(line));
    default:
      throw new Error(`not a reply: ${JSON.stringify(text.slice(at, at + 40))}`);
  }
}

function parseItems(text: string, from: number, count: number): Parsed | undefined {
  if (count < 0) return { value: null, end: from };
  const items: ReplyValue[] = [];
  let at = from;
  for (let i = 0; i < count; i++) {
    const item = parse(text, at);
    if (item === undefined) return undefined;
    items.push(item.value);
    at = item.end;
  }
  return { value: items, end: at };
}
