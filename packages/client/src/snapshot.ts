import { copyBytes, limits, type Timestamp } from '@tinykv/base';
import type { KeyRange, LockInfo } from '@tinykv/model';
import { keyErrorFromWire, type kvrpcpb, tinykvpb } from '@tinykv/proto';
import { checkKey } from './check-key.js';
import { KeyLockedError } from './errors.js';
import { keyErrorToThrow } from './key-errors.js';
import type { LockResolver } from './lock-resolver.js';
import type { Operation } from './operation.js';
import { forEachParallel } from './parallel.js';
import { type FetchPage, type KvPair, RangeScan } from './range-scan.js';
import type { Router } from './router.js';

const rpc = tinykvpb.TinyKv;

export interface SnapshotScanOptions {
  readonly reverse: boolean;
  readonly keyOnly: boolean;
}

/**
 * Reads of what was committed at or before a timestamp. A lock from before it may become such a commit:
 * it is resolved, or waited for while its transaction is alive.
 */
export class Snapshot {
  readonly ts: Timestamp;
  readonly #router: Router;
  readonly #resolver: LockResolver;

  constructor(router: Router, resolver: LockResolver, ts: Timestamp) {
    this.#router = router;
    this.#resolver = resolver;
    this.ts = ts;
  }

  /** Undefined: the key does not exist. Throws {@link KeyLockedError} at the end of the operation's time. */
  async get(key: Uint8Array, operation: Operation): Promise<Uint8Array | undefined> {
    checkKey(key);
    for (;;) {
      const response = await this.#router.send(
        key,
        rpc.kvGet,
        (context) => ({ context, key, version: this.ts }),
        operation,
      );
      if (response.error === undefined) {
        return response.notFound ? undefined : copyBytes(response.value);
      }
      await this.#clear([this.#lockOf(response.error)], operation);
    }
  }

  /** Values in the order of the keys. */
  async batchGet(
    keys: readonly Uint8Array[],
    operation: Operation,
  ): Promise<(Uint8Array | undefined)[]> {
    const values: (Uint8Array | undefined)[] = new Array(keys.length).fill(undefined);
    await forEachParallel(keys, limits.clientParallelRequestsMax, async (key, i) => {
      values[i] = await this.get(key, operation.fork());
    });
    return values;
  }

  scan(range: KeyRange, options: SnapshotScanOptions): RangeScan {
    return new RangeScan(this.#router, range, options.reverse, this.#fetchPage(options));
  }

  #fetchPage({ reverse, keyOnly }: SnapshotScanOptions): FetchPage {
    return async (region, { start, end }, limit, operation) => {
      for (;;) {
        const response = await this.#router.sendToRegion(
          region,
          rpc.kvScan,
          (context) => ({
            context,
            startKey: start,
            endKey: end,
            limit,
            version: this.ts,
            reverse,
            keyOnly,
          }),
          operation,
        );
        if (response === undefined) return undefined;
        const errors = response.pairs.flatMap(({ error }) => (error === undefined ? [] : [error]));
        if (errors.length === 0) return response.pairs.map(toPair);
        await this.#clear(
          errors.map((error) => this.#lockOf(error)),
          operation,
        );
      }
    };
  }

  #lockOf(error: kvrpcpb.KeyError): LockInfo {
    const keyError = keyErrorFromWire(error);
    if (keyError.type !== 'locked') throw keyErrorToThrow(keyError, this.ts);
    return keyError.lock;
  }

  async #clear(locks: readonly LockInfo[], operation: Operation): Promise<void> {
    const waitMs = await this.#resolver.resolve(locks, operation);
    const { backoff } = operation;
    const goOn =
      waitMs === 0 ? backoff.remainingMs() > 0 : await backoff.pause('key-locked', waitMs);
    if (!goOn) throw new KeyLockedError(locks[0]!);
  }
}

function toPair({ key, value }: kvrpcpb.KvPair): KvPair {
  return { key, value };
}
