import type { Socket } from 'node:net';
import { errorMessage } from '@tinykv/base';
import { connectTo } from '../../connect-to.js';
import { ReplyCounter } from './reply-counter.js';

interface Batch {
  missing: number;
  resolve(): void;
  reject(error: Error): void;
}

/** A connection that sends commands as they are given, encoded, and waits for as many replies. */
export class RespPipeline {
  readonly #socket: Socket;
  readonly #counter = new ReplyCounter();
  #batch: Batch | undefined;
  #closed: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', (error) => this.#onEnd(error));
    socket.on('close', () => this.#onEnd(new Error('the connection is closed')));
  }

  static async connect(address: string): Promise<RespPipeline> {
    return new RespPipeline(await connectTo(address));
  }

  /** One batch at a time. Rejects when a reply is an error or says that a key is not there. */
  send(commands: Uint8Array, replies: number): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    return new Promise((resolve, reject) => {
      this.#batch = { missing: replies, resolve, reject };
      this.#socket.write(commands);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    try {
      this.#counter.feed(chunk);
    } catch (error) {
      this.#socket.destroy(new Error(errorMessage(error)));
      return;
    }
    const batch = this.#batch;
    if (batch === undefined) return;
    batch.missing -= this.#counter.takeReplies();
    if (batch.missing > 0) return;
    this.#batch = undefined;
    const problem = this.#counter.takeProblem();
    if (problem === undefined) batch.resolve();
    else batch.reject(new Error(problem));
  }

  #onEnd(error: Error): void {
    this.#closed ??= error;
    this.#batch?.reject(this.#closed);
    this.#batch = undefined;
  }
}

/** A command as RESP2 sends it. */
export function encodeCommand(...args: readonly (string | Uint8Array)[]): Buffer {
  const parts = args.flatMap((arg) => {
    const bytes = typeof arg === 'string' ? Buffer.from(arg) : arg;
    return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')];
  });
  return Buffer.concat([Buffer.from(`*${args.length}\r\n`), ...parts]);
}
