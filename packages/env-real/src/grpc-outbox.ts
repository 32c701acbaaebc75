import type { Writable } from 'node:stream';
import { limits } from '@tinykv/base';

/** Both kinds of gRPC stream: Node's streams, but for details of the types. */
type MessageStream = Pick<Writable, '_writev'> & {
  write(message: Buffer, done: () => void): boolean;
  _write(message: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void;
};

/**
 * The sending half of a gRPC stream of either side. grpc-js writes one message, waits until the socket
 * has taken it and only then takes the next, a system call each; here all that gather meanwhile are
 * handed to http2 together, which sends them in one.
 */
export class Outbox {
  readonly #stream: MessageStream;
  readonly #onDrain: () => void;
  #bufferedBytes = 0;
  #full = false;

  constructor(stream: MessageStream, onDrain: () => void) {
    this.#stream = stream;
    this.#onDrain = onDrain;
    // Node calls this for what has queued up behind a running write, so the call is established by then.
    stream._writev = (chunks, done): void => {
      let left = chunks.length;
      for (const { chunk, encoding } of chunks) {
        stream._write(chunk, encoding, (error) => {
          left--;
          if (error instanceof Error) done(error);
          else if (left === 0) done();
        });
      }
    };
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  /** Copies the message: it may wait here, and callers reuse their buffers. */
  send(message: Uint8Array): boolean {
    const length = message.length;
    this.#bufferedBytes += length;
    this.#stream.write(Buffer.from(message), () => this.#onSent(length));
    if (this.#bufferedBytes >= limits.streamBufferBytesMax) this.#full = true;
    return !this.#full;
  }

  #onSent(length: number): void {
    this.#bufferedBytes -= length;
    if (!this.#full || this.#bufferedBytes > limits.streamBufferBytesMax / 2) return;
    this.#full = false;
    this.#onDrain();
  }
}
