import {
  assert,
  CodecError,
  EMPTY_BYTES,
  type KvEntry,
  type KvIterator,
  type KvReader,
  limits,
} from '@tinykv/base';
import {
  type ApiMode,
  compareEnds,
  family,
  GroupWalk,
  type KeyGroups,
  type KeyRange,
  locationKey,
  NewestView,
  parseRecordKeyInto,
  recordRange,
  type SplitTs,
  splitTs,
} from '@tinykv/model';
import { AnswerBudget } from './answer-budget.js';
import {
  asDataLoss,
  decodeLockAt,
  decodeNewestAt,
  findVisibleInHistory,
  type KeyFacts,
  readValue,
} from './key-view.js';
import type { PairSink } from './pair-sink.js';
import { type ReadPoint, visibleAt } from './read.js';
import { compareRecordKeys, RecordCursor, userKeyOf } from './record-cursor.js';

export interface ScanOptions {
  /** Location keys, already cut to the Region. */
  readonly range: KeyRange;
  readonly limit: number;
  readonly reverse: boolean;
  readonly keyOnly: boolean;
  /** As in the request. */
  readonly valueBytesMax: number;
  /** As in the request. */
  readonly answerBytesMax: number;
  /** Which keys are wanted, of a scan upwards. Undefined: all. */
  readonly groups: KeyGroups | undefined;
  /** Lets others have their turn; called after every `limits.scanPageKeys` keys that were looked at. */
  readonly turn: () => Promise<void>;
}

/**
 * `bytes`: it stopped before the limit, since the answer is as long as was asked for; `done`: at the limit, or at the end of
 * the range.
 */
export type ScanEnd = 'done' | 'bytes';

/**
 * Exactly `limit` pairs while the range has them, unless the bytes end it, in key order: the version of each key at
 * `point`, or the lock that hides it. Keys that exist only as locks are met too, since the first version of such a
 * key may already be committed on its primary. Throws AnswerTooLargeError.
 */
export async function scan(
  snapshot: KvReader,
  api: ApiMode,
  point: ReadPoint,
  options: ScanOptions,
  sink: PairSink,
): Promise<ScanEnd> {
  if (options.limit === 0) return 'done';
  const pairs = new PairScan(snapshot, api, point, options, sink);
  try {
    return await pairs.run();
  } finally {
    await pairs.close();
  }
}

/** The locks and newest records of a range, merged. A key without a lock whose newest version is seen costs no object. */
class PairScan {
  readonly #snapshot: KvReader;
  readonly #api: ApiMode;
  readonly #point: ReadPoint;
  readonly #ts: SplitTs;
  readonly #options: ScanOptions;
  readonly #sink: PairSink;
  readonly #locks: RecordCursor;
  readonly #newest: RecordCursor;
  readonly #direction: 1 | -1;
  readonly #walk: GroupWalk | undefined;
  readonly #budget = new AnswerBudget();
  readonly #record = new NewestView();
  /** Holds the user key of one record; grows to the longest. */
  #key = new Uint8Array(64);
  #found = 0;

  constructor(
    snapshot: KvReader,
    api: ApiMode,
    point: ReadPoint,
    options: ScanOptions,
    sink: PairSink,
  ) {
    const { range, limit, reverse, groups } = options;
    this.#snapshot = snapshot;
    this.#api = api;
    this.#point = point;
    this.#ts = splitTs(point.ts);
    this.#options = options;
    this.#sink = sink;
    const pageKeys = Math.min(limit, limits.scanPageKeys);
    this.#locks = new RecordCursor(this.#open(family.lock, range), pageKeys);
    this.#newest = new RecordCursor(this.#open(family.newest, range), pageKeys);
    this.#walk = groups && new GroupWalk(groups);
    this.#direction = reverse ? -1 : 1;
  }

  #open(code: typeof family.lock | typeof family.newest, range: KeyRange): KvIterator {
    const { reverse } = this.#options;
    return this.#snapshot.iterator({ ...recordRange(this.#api, code, range), reverse });
  }

  async close(): Promise<void> {
    await Promise.all([this.#locks.close(), this.#newest.close()]);
  }

  async run(): Promise<ScanEnd> {
    const { limit, answerBytesMax, turn } = this.#options;
    const mostBytes = answerBytesMax === 0 ? Number.POSITIVE_INFINITY : answerBytesMax;
    for (let looked = 1; this.#found < limit; looked++) {
      if (this.#locks.needsPage) await this.#locks.load(1);
      // A walk soon leaves its page: what was read ahead would be lost.
      const wanted = this.#walk === undefined ? limit - this.#found : 1;
      if (this.#newest.needsPage) await this.#newest.load(wanted);
      const lock = this.#locks.current;
      const newest = this.#newest.current;
      if (lock === undefined && newest === undefined) return 'done';
      const step = this.#pass(lock, newest) ?? this.#step(lock, newest);
      if (step !== undefined) await step;
      if (this.#budget.bytes >= mostBytes && this.#found < limit) return 'bytes';
      if (looked % limits.scanPageKeys === 0) await turn();
    }
    return 'done';
  }

  /** Below 0: the lock comes first; 0: both are of one key. */
  #orderOf(lock: KvEntry | undefined, newest: KvEntry | undefined): number {
    if (lock === undefined) return 1;
    return newest === undefined ? -1 : this.#direction * compareRecordKeys(lock[0], newest[0]);
  }

  /** Goes on at the next key that may be wanted, if the next one is not; undefined: it is. */
  #pass(lock: KvEntry | undefined, newest: KvEntry | undefined): Promise<void> | undefined {
    if (this.#walk === undefined) return undefined;
    const first = this.#orderOf(lock, newest) <= 0 ? lock : newest;
    const next = this.#walk.skip(userKeyOf(first![0]));
    return next && this.#skipTo(next);
  }

  /** Upwards only: goes on at the first key that is not below `key`; empty: there is none. */
  async #skipTo(key: Uint8Array): Promise<void> {
    const { range } = this.#options;
    const start = key.length === 0 ? key : locationKey(this.#api, key);
    const isPast = key.length === 0 || compareEnds(start, range.end) >= 0;
    for (const [code, cursor] of [
      [family.lock, this.#locks],
      [family.newest, this.#newest],
    ] as const) {
      const rest = { start, end: range.end };
      const at = isPast ? EMPTY_BYTES : recordRange(this.#api, code, rest).start;
      await cursor.skipTo(at, () => this.#open(code, rest));
    }
  }

  /** Takes the next key; a promise only where its history has to be read. */
  #step(lock: KvEntry | undefined, newest: KvEntry | undefined): Promise<void> | undefined {
    const order = this.#orderOf(lock, newest);
    if (order <= 0) this.#locks.take();
    if (order >= 0) this.#newest.take();
    if (order > 0) return this.#readUnlocked(newest!);
    const key = userKeyOf(lock![0]);
    return this.#readFacts({
      key,
      lock: decodeLockAt(key, lock!),
      newest: order === 0 ? decodeNewestAt(key, newest!) : undefined,
    });
  }

  /** Nearly every key: what is not decided by the newest record in place takes the way of the others. */
  #readUnlocked(newest: KvEntry): Promise<void> | undefined {
    const [at, bytes] = newest;
    const record = this.#record;
    const keyLength = this.#readInPlace(at, bytes);
    if (!record.hasWrite) return undefined;
    const isAfter = record.isAfter(this.#ts);
    if (!isAfter && !record.isPut) return undefined;
    const { keyOnly, valueBytesMax } = this.#options;
    if (isAfter || (record.valueFrom < 0 && !keyOnly)) {
      const key = userKeyOf(at);
      return this.#readFacts({ key, lock: undefined, newest: decodeNewestAt(key, newest) });
    }
    const from = Math.max(0, record.valueFrom);
    const end = keyOnly ? from : record.valueTo;
    const to = valueBytesMax === 0 ? end : Math.min(end, from + valueBytesMax);
    this.#give(this.#key, keyLength, bytes, from, to);
    return undefined;
  }

  /** The length of the user key, after the checksum and both formats were checked. */
  #readInPlace(at: Uint8Array, bytes: Uint8Array): number {
    if (this.#key.length < at.length) this.#key = new Uint8Array(2 * at.length);
    let keyLength: number;
    try {
      keyLength = parseRecordKeyInto(this.#key, at);
    } catch (error) {
      throw asDataLoss(error, 'record key', at);
    }
    try {
      this.#record.read(at, bytes);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      throw asDataLoss(error, 'newest record', this.#key.slice(0, keyLength));
    }
    return keyLength;
  }

  #readFacts(facts: KeyFacts): Promise<void> | undefined {
    const { key } = facts;
    const visible = visibleAt(facts, this.#point);
    if (visible.type === 'none') return undefined;
    if (visible.type === 'in-history') return this.#readHistory(key);
    if (visible.type === 'version') this.#giveVersion(key, visible.write);
    else {
      this.#found += 1;
      this.#budget.spendError(key, visible.error);
      this.#sink.keyError(key, visible.error);
    }
    return undefined;
  }

  async #readHistory(key: Uint8Array): Promise<void> {
    const write = await findVisibleInHistory(this.#snapshot, key, this.#point.ts);
    if (write !== undefined) this.#giveVersion(key, write);
  }

  #giveVersion(key: Uint8Array, write: Parameters<typeof readValue>[2]): void {
    if (write.kind !== 'put') return;
    const { keyOnly, valueBytesMax } = this.#options;
    const value = keyOnly ? EMPTY_BYTES : readValue(this.#snapshot, key, write);
    const most = valueBytesMax === 0 ? value.length : valueBytesMax;
    this.#give(key, key.length, value, 0, Math.min(value.length, most));
  }

  #give(key: Uint8Array, keyLength: number, bytes: Uint8Array, from: number, to: number): void {
    assert(from <= to, 'a value that ends before it begins');
    this.#found += 1;
    this.#budget.spend(keyLength, to - from);
    this.#sink.pair(key, keyLength, bytes, from, to);
    this.#walk?.give(key.subarray(0, keyLength));
  }
}
