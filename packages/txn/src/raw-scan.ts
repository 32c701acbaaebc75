import { EMPTY_BYTES, type KvReader, limits, ok, type Result } from '@tinykv/base';
import {
  type ApiMode,
  family,
  type KeyRange,
  parseRawKey,
  plainRawEnd,
  type RawCf,
  type RegionError,
  rawRange,
  recordRange,
} from '@tinykv/model';
import { AnswerBudget } from './mvcc/answer-budget.js';
import { asDataLoss } from './mvcc/key-view.js';
import type { PairSink } from './mvcc/pair-sink.js';
import type { ScanEnd } from './mvcc/scan.js';
import { TIME_UNKNOWN } from './raw-expiry.js';
import { openRawAt } from './raw-keys.js';
import type { RawScanRequest } from './raw-requests.js';

/** Where a raw scan reads, and what it needs from outside. */
export interface RawStretch {
  readonly api: ApiMode;
  readonly cf: RawCf;
  /** Of location keys. */
  readonly range: KeyRange;
  /** The time by which keys are judged; undefined: nobody tells it. */
  readonly now: () => Promise<number | undefined>;
  /** Removes keys whose time has come; nobody is told that they are gone before. */
  readonly remove: (keys: readonly Uint8Array[]) => Promise<Result<unknown, RegionError>>;
  /** Lets others have their turn. */
  readonly turn: () => Promise<void>;
}

const EVERYWHERE: KeyRange = { start: EMPTY_BYTES, end: EMPTY_BYTES };

/** `limit` counts living pairs. Throws AnswerTooLargeError. */
export async function scanRaw(
  snapshot: KvReader,
  stretch: RawStretch,
  request: RawScanRequest,
  sink: PairSink,
): Promise<Result<ScanEnd, RegionError>> {
  const { api, cf, range, turn } = stretch;
  const { reverse, keyOnly, limit } = request;
  // When a key expires stands behind its value: the values can be left out where no key has a time to live.
  const keysOnly = keyOnly && !(await hasExpiries(snapshot, api, range));
  const iterator = snapshot.iterator({ ...rawRange(cf, range), reverse, keysOnly });
  const pages = new RawPages(stretch, request, keysOnly, sink);
  let sinceTurn = 0;
  try {
    while (pages.found < limit) {
      // Expired keys come in crowds, and each page waits for the removal of its own.
      const wanted = pages.hasMetExpired ? limits.scanPageKeys : limit - pages.found;
      const entries = await iterator.next(Math.min(wanted, limits.scanPageKeys));
      if (entries.length === 0) break;
      const read = await pages.read(entries);
      if (!read.ok || read.value === 'bytes') return read;
      sinceTurn += entries.length;
      if (sinceTurn < limits.scanPageKeys) continue;
      await turn();
      sinceTurn = 0;
    }
    return ok('done');
  } finally {
    await iterator.close();
  }
}

/** The pages of one raw scan. A key without a time to live costs no object. */
class RawPages {
  found = 0;
  hasMetExpired = false;
  readonly #stretch: RawStretch;
  readonly #request: RawScanRequest;
  readonly #keysOnly: boolean;
  readonly #sink: PairSink;
  readonly #budget = new AnswerBudget();
  /** Asked for once, at the first key with a time to live. */
  #now: number | undefined;

  constructor(stretch: RawStretch, request: RawScanRequest, keysOnly: boolean, sink: PairSink) {
    this.#stretch = stretch;
    this.#request = request;
    this.#keysOnly = keysOnly;
    this.#sink = sink;
  }

  async read(
    entries: readonly (readonly [Uint8Array, Uint8Array])[],
  ): Promise<Result<ScanEnd, RegionError>> {
    const { limit, answerBytesMax = 0 } = this.#request;
    const expired: Uint8Array[] = [];
    let end: ScanEnd = 'done';
    for (const [at, bytes] of entries) {
      if (this.found === limit || end === 'bytes') break;
      const key = rawUserKey(this.#stretch.api, at);
      const valueEnd = this.#keysOnly ? 0 : plainRawEnd(at, bytes);
      if (valueEnd >= 0) this.#give(key, bytes, valueEnd);
      else {
        const { value, expiresAt } = openRawAt(key, at, bytes);
        this.#now ??= await this.#stretch.now();
        if (this.#now === undefined) return TIME_UNKNOWN;
        if (expiresAt !== undefined && expiresAt <= this.#now) expired.push(key);
        else this.#give(key, value, value.length);
      }
      if (answerBytesMax > 0 && this.#budget.bytes >= answerBytesMax && this.found < limit) {
        end = 'bytes';
      }
    }
    this.hasMetExpired ||= expired.length > 0;
    const removed = await this.#stretch.remove(expired);
    return removed.ok ? ok(end) : removed;
  }

  #give(key: Uint8Array, bytes: Uint8Array, valueEnd: number): void {
    const end = this.#request.keyOnly ? 0 : valueEnd;
    this.#budget.spend(key.length, end);
    this.#sink.pair(key, key.length, bytes, 0, end);
    this.found += 1;
  }
}

/** Whether keys of the range have a time to live, or had one not long ago. */
export async function hasExpiries(
  snapshot: KvReader,
  api: ApiMode,
  range: KeyRange = EVERYWHERE,
): Promise<boolean> {
  const iterator = snapshot.iterator({
    ...recordRange(api, family.expiry, range),
    keysOnly: true,
  });
  try {
    return (await iterator.next(1)).length > 0;
  } finally {
    await iterator.close();
  }
}

function rawUserKey(api: ApiMode, at: Uint8Array): Uint8Array {
  try {
    return parseRawKey(api, at);
  } catch (error) {
    throw asDataLoss(error, 'raw key', at);
  }
}
