import { copyBytes, EMPTY_BYTES, KvError, limits, type Timestamp, TS_MAX } from '@tinykv/base';
import type { LockInfo } from '@tinykv/model';
import { kvrpcpb, lockFromWire, tinykvtxn } from '@tinykv/proto';
import { checkKey } from './check-arguments.js';
import type { LockResolver } from './lock-resolver.js';
import { type FetchPage, fullPage, RangeScan } from './range-scan.js';
import type { Router } from './router.js';

export interface LockScanOptions {
  readonly start?: Uint8Array;
  /** First key not to be looked at; default: no end. */
  readonly end?: Uint8Array;
  /** Locks of transactions that began at or before it; default: all. */
  readonly maxTs?: Timestamp;
  /** For each page. Default 10,000. */
  readonly timeoutMs?: number;
}

/** How a transaction ended on a key. */
export interface KeyVersion {
  readonly kind: 'put' | 'delete' | 'lock' | 'rollback';
  readonly startTs: Timestamp;
  /** Of a rollback: its start. */
  readonly commitTs: Timestamp;
  /** Empty unless it is a put. */
  readonly value: Uint8Array;
}

/** All that is stored about a key. */
export interface KeyHistory {
  readonly lock: LockInfo | undefined;
  /** The newest first. */
  readonly versions: readonly KeyVersion[];
  /** Older versions were left out: there are more than one answer holds. */
  readonly hasMore: boolean;
}

const DEFAULT_TIMEOUT_MS = 10_000;
const rpc = tinykvtxn.Txn;

/** Looks at what transactions have left on the stores, and clears away what is left of dead ones. */
export class Inspector {
  readonly #router: Router;
  readonly #resolver: LockResolver;

  constructor(router: Router, resolver: LockResolver) {
    this.#router = router;
    this.#resolver = resolver;
  }

  /** The lock and all versions of one key. Throws as {@link Client.txn} reads do. */
  async history(key: Uint8Array, timeoutMs: number = DEFAULT_TIMEOUT_MS): Promise<KeyHistory> {
    checkKey(key);
    const operation = this.#router.beginCall('repeatable', timeoutMs);
    const response = await this.#router.send(
      key,
      rpc.mvccGetByKey,
      (context) => ({ context, key }),
      operation,
    );
    if (response.error !== '') throw new KvError('INVALID_ARGUMENT', response.error);
    const { lock, writes = [], hasMore = false } = response.info ?? {};
    return { lock: lock && lockFromWire(lock), versions: writes.map(versionFromWire), hasMore };
  }

  /** Locks in key order, page by page: each page is of one moment, not all of them of the same. */
  async *locks(options: LockScanOptions = {}): AsyncGenerator<LockInfo, void, undefined> {
    const { start = EMPTY_BYTES, end = EMPTY_BYTES, maxTs = TS_MAX } = options;
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const scan = new RangeScan(this.#router, { start, end }, false, this.#fetchPage(maxTs));
    for (;;) {
      const operation = this.#router.beginCall('repeatable', timeoutMs);
      const page = await scan.next(limits.scanPageKeys, operation);
      if (page === undefined) return;
      yield* page.pairs;
    }
  }

  /**
   * Ends the transactions of these locks if they are dead, as their primaries say, and clears the locks away.
   * Milliseconds until the last of the others can be; 0: all are gone.
   */
  resolve(locks: readonly LockInfo[], timeoutMs: number = DEFAULT_TIMEOUT_MS): Promise<number> {
    return this.#resolver.resolve(locks, this.#router.beginCall('repeatable', timeoutMs));
  }

  #fetchPage(maxVersion: Timestamp): FetchPage<LockInfo> {
    return async (region, { start: startKey, end: endKey }, limit, operation) => {
      const response = await this.#router.sendToRegion(
        region,
        rpc.kvScanLock,
        (context) => ({ context, maxVersion, startKey, endKey, limit }),
        operation,
      );
      return response && fullPage(response.locks.map(lockFromWire), limit);
    };
  }
}

function versionFromWire({ type, startTs, commitTs, value }: tinykvtxn.MvccWrite): KeyVersion {
  return { kind: kindOf(type), startTs, commitTs, value: copyBytes(value) };
}

function kindOf(op: number): KeyVersion['kind'] {
  switch (op) {
    case kvrpcpb.Op.Put:
      return 'put';
    case kvrpcpb.Op.Del:
      return 'delete';
    case kvrpcpb.Op.Lock:
      return 'lock';
    case kvrpcpb.Op.Rollback:
      return 'rollback';
    default:
      throw new KvError('INTERNAL', `a store has a version of kind ${op}`);
  }
}
