import type { Writable } from 'node:stream';
import { limits } from '@tinykv/base';

/** Both kinds of gRPC stream: Node's streams, but for details of the types. */
type MessageStream = Pick<Writable, '_writev'> & {
  write(message: Buffer, done: () => void): boolean;
  _write(message: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void;
};

/** The sending half of a gRPC stream of either side: counts the bytes that wait and says when to pause. */
export class Outbox {
  readonly #stream: MessageStream;
  readonly #onDrain: () => void;
  #bufferedBytes = 0;
  #full = false;

  constructor(stream: MessageStream, onDrain: () => void) {
    this.#stream = stream;
    this.#onDrain = onDrain;
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

/**
 * Lets the server's end of a stream send in one system call what has gathered while the socket was busy:
 * grpc-js writes one message and waits for the socket before it takes the next. (The client's end keeps
 * its messages for a retry and sends them one by one, whatever the stream does.)
 */
export function coalesceWrites(stream: MessageStream): void {
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
