import type { KeyError } from '@tinykv/model';

/** Takes what a scan finds, in its order. */
export interface PairSink {
  /**
   * The key is the first `keyLength` bytes of `key`, the value stands in `bytes` from `from` to before `to`. Both belong to the
   * scan, which writes over them: they are copied before this returns.
   */
  pair(key: Uint8Array, keyLength: number, bytes: Uint8Array, from: number, to: number): void;
  keyError(key: Uint8Array, error: KeyError): void;
}

export type ScanPair =
  | { readonly type: 'value'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'key-error'; readonly key: Uint8Array; readonly error: KeyError };

/** The pairs of a scan as a list. */
export class PairList implements PairSink {
  readonly pairs: ScanPair[] = [];

  pair(key: Uint8Array, keyLength: number, bytes: Uint8Array, from: number, to: number): void {
    const value = Uint8Array.from(bytes.subarray(from, to));
    this.pairs.push({ type: 'value', key: Uint8Array.from(key.subarray(0, keyLength)), value });
  }

  keyError(key: Uint8Array, error: KeyError): void {
    this.pairs.push({ type: 'key-error', key, error });
  }
}
