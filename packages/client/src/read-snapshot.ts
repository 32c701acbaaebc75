import { EMPTY_BYTES, type Timestamp } from '@tinykv/base';
import { GroupWalk } from '@tinykv/model';
import type { CallLimits, CallOptions } from './call-limits.js';
import { checkScan } from './check-arguments.js';
import { headOf, type KvPair, type ScanOptions } from './range-scan.js';
import { Scan } from './scan.js';
import { ScanAhead } from './scan-ahead.js';
import type { ReadVersions, Snapshot } from './snapshot.js';

/**
 * What was committed at or before a timestamp, to be read only. It costs the cluster nothing and needs no end; it can
 * be read until the safe point passes its timestamp, then reads throw {@link BelowSafePointError}.
 *
 * Reads throw {@link RegionUnavailableError}, {@link KeyLockedError} when a lock outlasts the time-out, and KvError of
 * the scheduler.
 */
export class ReadSnapshot {
  readonly #stored: Snapshot;
  readonly #limits: CallLimits;

  constructor(stored: Snapshot, limits: CallLimits) {
    this.#stored = stored;
    this.#limits = limits;
  }

  get ts(): Timestamp {
    return this.#stored.ts;
  }

  /** Undefined: the key did not exist. */
  get(key: Uint8Array, options?: CallOptions): Promise<Uint8Array | undefined> {
    return this.#limits.read(options, (operation) => this.#stored.get(key, operation));
  }

  /** Values in the order of the keys; undefined where there was none. */
  batchGet(
    keys: readonly Uint8Array[],
    options?: CallOptions,
  ): Promise<(Uint8Array | undefined)[]> {
    return this.#limits.read(options, (operation) => this.#stored.batchGet(keys, operation));
  }

  /** Values with the commits that made them so, in the order of the keys; for keys that do not exist, too. */
  versions(keys: readonly Uint8Array[], options?: CallOptions): Promise<ReadVersions> {
    return this.#limits.read(options, (operation) => this.#stored.versions(keys, operation));
  }

  /** Pairs from `start` on, in order. Time-outs are for each page. */
  scan(start: Uint8Array, options: ScanOptions & CallOptions = {}): Scan<KvPair> {
    checkScan(start, options);
    return new Scan(() => this.#pages(start, options));
  }

  async *#pages(
    start: Uint8Array,
    options: ScanOptions & CallOptions,
  ): AsyncGenerator<readonly KvPair[], void, undefined> {
    const { end = EMPTY_BYTES, limit = Number.POSITIVE_INFINITY } = options;
    const { reverse = false, keyOnly = false, valueBytesMax = 0, groups } = options;
    const range = this.#stored.scan({ start, end }, { reverse, keyOnly, valueBytesMax, groups });
    const walk = groups && new GroupWalk(groups);
    const scan = new ScanAhead(range, () => this.#limits.begin('repeatable', options));
    try {
      for (let left = limit; left > 0; ) {
        const most = left;
        const page = await this.#limits.read(options, (operation) => scan.next(most, operation));
        if (page === undefined) return;
        // A store of an older version gives all of each value, and all keys; any gives a key too many where a page ends.
        const pairs =
          walk === undefined ? page.pairs : page.pairs.filter(({ key }) => walk.takes(key));
        // Pages that were read ahead may have more than are left.
        const wanted = pairs.length <= left ? pairs : pairs.slice(0, left);
        left -= wanted.length;
        yield valueBytesMax === 0 ? wanted : wanted.map((pair) => headOf(pair, valueBytesMax));
      }
    } finally {
      scan.close();
    }
  }
}
