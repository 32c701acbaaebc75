import {
  copyBytes,
  KvError,
  keyString,
  limits,
  maxTimestamp,
  nextKey,
  type Timestamp,
  TS_ZERO,
} from '@tinykv/base';
import type { KeyError, KeyGroups, KeyRange, LockInfo } from '@tinykv/model';
import {
  keyErrorFromWire,
  type kvrpcpb,
  scanPages,
  tinykvext,
  tinykvpb,
  tinykvtxn,
} from '@tinykv/proto';
import { checkKey } from './check-arguments.js';
import { KeyLockedError } from './errors.js';
import { keyErrorToThrow } from './key-errors.js';
import type { LockResolver } from './lock-resolver.js';
import { isTooMuch, type Operation } from './operation.js';
import { type RequestPasses, SnapshotPasses } from './passes.js';
import { answeredPage, type FetchPage, RangeScan } from './range-scan.js';
import type { CachedRegion } from './region-cache.js';
import type { Router } from './router.js';
import { splitByCount } from './split-by-count.js';

const rpc = tinykvpb.TinyKv;
const { ReadCommitted } = tinykvext.IsolationLevel;

export interface SnapshotScanOptions {
  readonly reverse: boolean;
  readonly keyOnly: boolean;
  /** As in {@link ScanOptions}; 0: all of each value. */
  readonly valueBytesMax: number;
  readonly groups?: KeyGroups | undefined;
}

/** `read-committed`: no lock is waited for; what is committed while the read goes on may be missed. */
export type Isolation = 'snapshot' | 'read-committed';

/** What a key is at a timestamp. */
export interface ReadVersion {
  /** Undefined: the key does not exist. */
  readonly value: Uint8Array | undefined;
  /**
   * The commit timestamp of the Put or Delete that is seen, never of a Lock or a rollback. 0: there is none, or it was
   * a Delete that is collected by now.
   */
  readonly commitTs: Timestamp;
}

export interface ReadVersions {
  /** In the order of the keys. */
  readonly versions: readonly ReadVersion[];
  /** Up to it, versions and Deletes may have been collected. */
  readonly safePoint: Timestamp;
}

/**
 * Reads of what was committed at or before a timestamp. A lock from before it may become such a commit:
 * it is resolved, or waited for while its transaction is alive.
 */
export class Snapshot {
  readonly ts: Timestamp;
  readonly #router: Router;
  readonly #resolver: LockResolver;
  readonly #isolation: Isolation;
  readonly #passes: SnapshotPasses;

  constructor(
    router: Router,
    resolver: LockResolver,
    ts: Timestamp,
    isolation: Isolation = 'snapshot',
  ) {
    this.#router = router;
    this.#resolver = resolver;
    this.ts = ts;
    this.#passes = new SnapshotPasses(ts);
    this.#isolation = isolation;
  }

  /** Undefined: the key does not exist. Throws {@link KeyLockedError} at the end of the operation's time. */
  async get(key: Uint8Array, operation: Operation): Promise<Uint8Array | undefined> {
    checkKey(key);
    let passes: RequestPasses | undefined;
    for (;;) {
      const response = await this.#router.send(
        key,
        rpc.kvGet,
        (context) => ({ context: this.#seen(context, passes), key, version: this.ts }),
        operation,
      );
      if (response.error === undefined) {
        return response.notFound ? undefined : copyBytes(response.value);
      }
      passes ??= this.#passes.forRequest();
      await this.#clear([this.#lockOf(response.error)], operation, passes);
    }
  }

  /** Values in the order of the keys; undefined where there is none. One request for each Region, as a rule. */
  async batchGet(
    keys: readonly Uint8Array[],
    operation: Operation,
  ): Promise<(Uint8Array | undefined)[]> {
    if (keys.length === 1) return [await this.get(keys[0]!, operation)];
    for (const key of keys) checkKey(key);
    const names = keys.map(keyString);
    const distinct = new Map(keys.map((key, i) => [names[i]!, key]));
    const values = new Map<string, Uint8Array>();
    await this.#router.sendGrouped(
      [...distinct.values()],
      (key) => key,
      (part) => splitByCount(part, limits.clientBatchGetKeysMax),
      (region, part, forked) => this.#getPart(region, part, forked, values),
      operation,
    );
    return names.map((name) => values.get(name));
  }

  /** Adds the values of keys of one Region. False: it is another by now. */
  async #getPart(
    region: CachedRegion,
    part: readonly Uint8Array[],
    operation: Operation,
    values: Map<string, Uint8Array>,
  ): Promise<boolean> {
    let keys = part;
    let passes: RequestPasses | undefined;
    while (keys.length > 0) {
      const response = await this.#sendBatchGet(region, keys, operation, passes);
      if (response === 'too-large') {
        const middle = Math.ceil(keys.length / 2);
        const first = await this.#getPart(region, keys.slice(0, middle), operation, values);
        return first && this.#getPart(region, keys.slice(middle), operation, values);
      }
      if (response === undefined) return false;
      if (response.error !== undefined) throw this.#failure(response.error);
      const locks: LockInfo[] = [];
      for (const { key, value, error } of response.pairs) {
        if (error === undefined) values.set(keyString(key), copyBytes(value));
        else locks.push(this.#lockOf(error));
      }
      if (locks.length === 0) return true;
      passes ??= this.#passes.forRequest();
      await this.#clear(locks, operation, passes);
      keys = locks.map(({ key }) => key);
    }
    return true;
  }

  /** What the keys are, with the commits that made them so. One request for each Region, as a rule. */
  async versions(keys: readonly Uint8Array[], operation: Operation): Promise<ReadVersions> {
    for (const key of keys) checkKey(key);
    const names = keys.map(keyString);
    const distinct = new Map(keys.map((key, i) => [names[i]!, key]));
    const found = new Map<string, ReadVersion>();
    let safePoint: Timestamp = TS_ZERO;
    await this.#router.sendGrouped(
      [...distinct.values()],
      (key) => key,
      (part) => splitByCount(part, limits.clientBatchGetKeysMax),
      async (region, part, forked) => {
        const seen = await this.#versionsOf(region, part, forked, found);
        if (seen === undefined) return false;
        safePoint = maxTimestamp(safePoint, seen);
        return true;
      },
      operation,
    );
    return { versions: names.map((name) => found.get(name)!), safePoint };
  }

  /** Adds the versions of keys of one Region, and returns its safe point. Undefined: it is another by now. */
  async #versionsOf(
    region: CachedRegion,
    part: readonly Uint8Array[],
    operation: Operation,
    found: Map<string, ReadVersion>,
  ): Promise<Timestamp | undefined> {
    let keys = part;
    let passes: RequestPasses | undefined;
    let safePoint: Timestamp = TS_ZERO;
    while (keys.length > 0) {
      const response = await this.#sendGetVersions(region, keys, operation, passes);
      if (response === 'too-large') {
        const middle = Math.ceil(keys.length / 2);
        const halves = [keys.slice(0, middle), keys.slice(middle)];
        for (const half of halves) {
          const seen = await this.#versionsOf(region, half, operation, found);
          if (seen === undefined) return undefined;
          safePoint = maxTimestamp(safePoint, seen);
        }
        return safePoint;
      }
      if (response === undefined) return undefined;
      if (response.error !== undefined) throw this.#failure(response.error);
      safePoint = maxTimestamp(safePoint, response.safePoint);
      const locks: LockInfo[] = [];
      for (const { key, error, found: exists, value, commitTs } of response.versions) {
        if (error !== undefined) locks.push(this.#lockOf(error));
        else {
          const copy = exists ? copyBytes(value) : undefined;
          found.set(keyString(key), { value: copy, commitTs });
        }
      }
      if (locks.length === 0) return safePoint;
      passes ??= this.#passes.forRequest();
      await this.#clear(locks, operation, passes);
      keys = locks.map(({ key }) => key);
    }
    return safePoint;
  }

  async #sendGetVersions(
    region: CachedRegion,
    keys: readonly Uint8Array[],
    operation: Operation,
    passes: RequestPasses | undefined,
  ): Promise<tinykvtxn.GetVersionsResponse | 'too-large' | undefined> {
    try {
      return await this.#router.sendToRegion(
        region,
        tinykvtxn.Txn.kvGetVersions,
        (context) => ({ context: this.#seen(context, passes), keys, version: this.ts }),
        operation,
      );
    } catch (error) {
      if (isTooMuch(error) && keys.length > 1) return 'too-large';
      throw error;
    }
  }

  async #sendBatchGet(
    region: CachedRegion,
    keys: readonly Uint8Array[],
    operation: Operation,
    passes: RequestPasses | undefined,
  ): Promise<tinykvtxn.BatchGetResponse | 'too-large' | undefined> {
    try {
      return await this.#router.sendToRegion(
        region,
        tinykvtxn.Txn.kvBatchGet,
        (context) => ({ context: this.#seen(context, passes), keys, version: this.ts }),
        operation,
      );
    } catch (error) {
      if (isTooMuch(error) && keys.length > 1) return 'too-large';
      throw error;
    }
  }

  scan(range: KeyRange, options: SnapshotScanOptions): RangeScan {
    const { reverse } = options;
    const pageKeys = limits.clientScanPageKeys;
    return new RangeScan(this.#router, range, reverse, this.#fetchPage(options), pageKeys);
  }

  /**
   * A page ends where the first answer ends, with locks among its pairs or without: locks on keys that the
   * snapshot does not have leave no pairs, so a page of so many pairs could pass any number of them.
   */
  #fetchPage({ reverse, keyOnly, valueBytesMax, groups }: SnapshotScanOptions): FetchPage {
    return async (region, range, limit, operation) => {
      let { start: startKey, end: endKey } = range;
      let last: Uint8Array | undefined;
      let passes: RequestPasses | undefined;
      const answerBytesMax = limits.clientScanPageBytes;
      const shape = { reverse, keyOnly, valueBytesMax, answerBytesMax, groups };
      const options = { limit, version: this.ts, ...shape };
      for (;;) {
        const page = await this.#router.sendToRegion(
          region,
          scanPages.kvScan,
          (context) => ({ context: this.#seen(context, passes), startKey, endKey, ...options }),
          operation,
        );
        if (page === undefined) return undefined;
        if (page.rest.error !== undefined) throw this.#failure(page.rest.error);
        const answered = answeredPage(page, limit);
        last = answered.last ?? last;
        if (page.keyErrors.length === 0) return { pairs: answered.pairs, last };
        if (last !== undefined && reverse) startKey = last;
        else if (last !== undefined) endKey = nextKey(last);
        const locks = page.keyErrors.map((error) => this.#lockOf(error));
        passes ??= this.#passes.forRequest();
        await this.#clear(locks, operation, passes);
      }
    };
  }

  #lockOf(error: kvrpcpb.KeyError): LockInfo {
    const keyError = keyErrorFromWire(error);
    if (keyError.type !== 'locked') throw this.#thrown(keyError);
    return keyError.lock;
  }

  #failure(error: kvrpcpb.KeyError): Error {
    return this.#thrown(keyErrorFromWire(error));
  }

  /** The only read that a store turns down for good is one at a timestamp that the cluster has not reached. */
  #thrown(error: KeyError): Error {
    if (error.type === 'abort') return new KvError('INVALID_ARGUMENT', error.message);
    return keyErrorToThrow(error, this.ts);
  }

  /** The context of a read, with what it is to see. */
  #seen(context: kvrpcpb.ContextInit, passes: RequestPasses | undefined): kvrpcpb.ContextInit {
    if (this.#isolation !== 'snapshot') return { ...context, isolation: ReadCommitted };
    const { starts } = passes ?? this.#passes;
    if (starts.length === 0) return context;
    return { ...context, resolvedLocks: starts.map((startTs) => ({ startTs })) };
  }

  /** Resolves locks that are in the way, passes them, or waits. */
  async #clear(
    locks: readonly LockInfo[],
    operation: Operation,
    passes: RequestPasses,
  ): Promise<void> {
    const waitMs = await this.#resolver.resolve(locks, operation, passes);
    const { backoff, scope } = operation;
    const goOn =
      waitMs === 0 ? backoff.remainingMs() > 0 : await backoff.pause('key-locked', waitMs);
    if (goOn) return;
    scope.check();
    throw new KeyLockedError(locks[0]!);
  }
}
