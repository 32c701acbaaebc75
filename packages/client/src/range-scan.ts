import { compareBytes, limits, nextKey } from '@tinykv/base';
import {
  compareEnds,
  encodedLength,
  type KeyGroups,
  type KeyRange,
  locationKey,
  userKeyOfBound,
} from '@tinykv/model';
import type { errorpb, PairPage } from '@tinykv/proto';
import { RequestError } from './errors.js';
import type { Operation } from './operation.js';
import type { CachedRegion } from './region-cache.js';
import type { Router } from './router.js';

export interface KvPair {
  readonly key: Uint8Array;
  /** Empty in scans that ask for keys only. */
  readonly value: Uint8Array;
}

export interface ScanOptions {
  /** First key not to be read; default: no end. */
  readonly end?: Uint8Array;
  /** Most pairs to be read; default: no limit. */
  readonly limit?: number;
  /** Downwards from `end` (exclusive) to the start (inclusive). */
  readonly reverse?: boolean;
  /** Leave the values out. */
  readonly keyOnly?: boolean;
  /** So many first bytes of each value, at least 1; the rest stays on the store. Default: all of it. */
  readonly valueBytesMax?: number;
  /** Which keys are wanted, of a scan upwards; default: all. */
  readonly groups?: KeyGroups;
}

/** The pair with the first bytes of its value; 0: with all of it. */
export function headOf(pair: KvPair, valueBytesMax: number): KvPair {
  const { key, value } = pair;
  if (valueBytesMax === 0 || value.length <= valueBytesMax) return pair;
  return { key, value: value.slice(0, valueBytesMax) };
}

/** What a range is scanned for: pairs as a rule. */
export interface Keyed {
  readonly key: Uint8Array;
}

/** Pairs of a range in scan order, and the part of the range in which there are no others. */
export interface ScanPage<T extends Keyed = KvPair> {
  readonly pairs: readonly T[];
  readonly covered: KeyRange;
}

/** Pairs of one Region, and the key at which reading stopped; undefined: the Region has no more in the range. */
export interface FetchedPage<T extends Keyed = KvPair> {
  readonly pairs: readonly T[];
  readonly last: Uint8Array | undefined;
}

/** Reads up to `limit` pairs of a range from one Region. Undefined: the Region is another by now. */
export type FetchPage<T extends Keyed = KvPair> = (
  region: CachedRegion,
  range: KeyRange,
  limit: number,
  operation: Operation,
) => Promise<FetchedPage<T> | undefined>;

/** The page of an answer of which fewer pairs than the limit say that there are no more. */
export function fullPage<T extends Keyed>(pairs: readonly T[], limit: number): FetchedPage<T> {
  return { pairs, last: pairs.length >= limit ? pairs.at(-1)?.key : undefined };
}

/** The page of an answer to KvScan or RawScan: it may have ended at its bytes, with fewer pairs than the limit. */
export function answeredPage(
  {
    pairs,
    count,
    last,
    rest,
  }: PairPage<{ regionError: undefined | errorpb.Error; hasMore: boolean }>,
  limit: number,
): FetchedPage {
  return { pairs, last: rest.hasMore || count >= limit ? last : undefined };
}

/** Longer than any location key, so that 0xff bytes of this length come after all of them. */
const LOCATION_BYTES_MAX = encodedLength(limits.keyBytesMax) + 1;

/** Walks over a range of user keys, Region by Region, page by page. */
export class RangeScan<T extends Keyed = KvPair> {
  readonly #router: Router;
  readonly #reverse: boolean;
  readonly #fetch: FetchPage<T>;
  readonly #pageKeys: number;
  /** What is still to be read. */
  #rest: KeyRange | undefined;

  constructor(
    router: Router,
    range: KeyRange,
    reverse: boolean,
    fetch: FetchPage<T>,
    pageKeys: number = limits.scanPageKeys,
  ) {
    this.#router = router;
    this.#pageKeys = pageKeys;
    this.#reverse = reverse;
    this.#fetch = fetch;
    this.#rest = isEmpty(range) ? undefined : range;
  }

  /** All of the range is read. */
  get isDone(): boolean {
    return this.#rest === undefined;
  }

  /**
   * Leaves to another scan what lies behind the Region in which this one goes on; undefined: nothing, or the Region is not
   * known. Not while a page is being read.
   */
  splitOff(): RangeScan<T> | undefined {
    const rest = this.#rest;
    const region = rest && this.#router.cache.find(this.#locationOf(rest));
    if (rest === undefined || region === undefined) return undefined;
    const { api } = this.#router;
    const bound = userKeyOfBound(api, this.#reverse ? region.range.start : region.range.end);
    // A Region from the first key, or to the last.
    if (bound.length === 0) return undefined;
    const [own, behind] = this.#reverse
      ? [
          { start: bound, end: rest.end },
          { start: rest.start, end: bound },
        ]
      : [
          { start: rest.start, end: bound },
          { start: bound, end: rest.end },
        ];
    if (isEmpty(own) || isEmpty(behind)) return undefined;
    this.#rest = own;
    return new RangeScan(this.#router, behind, this.#reverse, this.#fetch, this.#pageKeys);
  }

  /** The next page, of at most `limit` pairs and perhaps none; undefined at the end of the range. */
  async next(limit: number, operation: Operation): Promise<ScanPage<T> | undefined> {
    let most = Math.max(1, Math.min(limit, this.#pageKeys));
    for (;;) {
      const rest = this.#rest;
      if (rest === undefined) return undefined;
      const region = await this.#locate(rest, operation);
      try {
        const page = await this.#fetch(region, rest, most, operation);
        if (page !== undefined) return this.#advance(rest, region, page);
      } catch (error) {
        // The pairs are too large to travel in one answer.
        const isTooMuch = error instanceof RequestError && error.code === 'RESOURCE_EXHAUSTED';
        if (!isTooMuch || most === 1) throw error;
        most = Math.ceil(most / 4);
      }
    }
  }

  #locate(rest: KeyRange, operation: Operation): Promise<CachedRegion> {
    return this.#router.locate(this.#locationOf(rest), operation);
  }

  /** A location in the Region where the rest of the scan begins. */
  #locationOf(rest: KeyRange): Uint8Array {
    const { api } = this.#router;
    if (!this.#reverse) return locationKey(api, rest.start);
    return lastLocationBefore(rest.end.length === 0 ? rest.end : locationKey(api, rest.end));
  }

  #advance(rest: KeyRange, region: CachedRegion, { pairs, last }: FetchedPage<T>): ScanPage<T> {
    const { start, end } = region.range;
    let covered: KeyRange;
    if (this.#reverse) {
      const low = last ?? userKeyOfBound(this.#router.api, start);
      const isDone = compareBytes(low, rest.start) <= 0;
      covered = { start: isDone ? rest.start : low, end: rest.end };
      this.#rest = isDone ? undefined : { start: rest.start, end: low };
    } else {
      const high = last ? nextKey(last) : userKeyOfBound(this.#router.api, end);
      const isDone = compareEnds(high, rest.end) >= 0;
      covered = { start: rest.start, end: isDone ? rest.end : high };
      this.#rest = isDone ? undefined : { start: high, end: rest.end };
    }
    return { pairs, covered };
  }
}

function isEmpty({ start, end }: KeyRange): boolean {
  return end.length > 0 && compareBytes(start, end) >= 0;
}

/** A location at or after every key before `end` (empty: every key), and still before `end`. */
function lastLocationBefore(end: Uint8Array): Uint8Array {
  const last = end.at(-1);
  if (last === 0) return end.subarray(0, -1);
  const out = new Uint8Array(LOCATION_BYTES_MAX).fill(0xff);
  if (last !== undefined) {
    out.set(end);
    out[end.length - 1] = last - 1;
  }
  return out;
}
