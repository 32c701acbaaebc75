import type { KeyError } from '@tinykv/model';
import { keyErrorToWire, type PairListWriter } from '@tinykv/proto';
import type { PairSink } from '@tinykv/txn';

/**
 * The answer to a scan, encoded while it is made: a long list never stands in memory as objects, and never takes one long step
 * to encode. `S` is the message that its bytes are.
 */
export class EncodedAnswer<S> implements PairSink {
  declare readonly response: S;
  readonly #writer: PairListWriter;
  #hasMore = false;

  constructor(writer: PairListWriter) {
    this.#writer = writer;
  }

  pair(key: Uint8Array, keyLength: number, bytes: Uint8Array, from: number, to: number): void {
    this.#writer.pair(key, keyLength, bytes, from, to);
  }

  keyError(key: Uint8Array, error: KeyError): void {
    this.#writer.error(key, keyErrorToWire(error));
  }

  /** The scan ended at the bytes that were asked for. */
  endEarly(): void {
    this.#hasMore = true;
  }

  finish(): Uint8Array {
    return this.#writer.finish(this.#hasMore);
  }
}
