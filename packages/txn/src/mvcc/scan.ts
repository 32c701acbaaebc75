import { EMPTY_BYTES, type KvIterator, type KvReader, limits } from '@tinykv/base';
import {
  type ApiMode,
  compareEnds,
  family,
  GroupWalk,
  type KeyError,
  type KeyGroups,
  type KeyRange,
  locationKey,
  recordRange,
  type WriteRecord,
} from '@tinykv/model';
import { AnswerBudget } from './answer-budget.js';
import {
  decodeLockAt,
  decodeNewestAt,
  findVisibleInHistory,
  type KeyFacts,
  readValue,
} from './key-view.js';
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
  /** Which keys are wanted, of a scan upwards. Undefined: all. */
  readonly groups: KeyGroups | undefined;
  /** Lets others have their turn; called after every `limits.scanPageKeys` keys that were looked at. */
  readonly turn: () => Promise<void>;
}

export type ScanPair =
  | { readonly type: 'value'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'key-error'; readonly key: Uint8Array; readonly error: KeyError };

/** Takes what a scan finds, page by page: a long answer is encoded while it is read. */
export type TakePage<T> = (page: readonly T[]) => void;

/**
 * Exactly `limit` pairs while the range has them, in key order: the version of each key at `point`, or
 * the lock that hides it. Keys that exist only as locks are met too, since the first version of such a
 * key may already be committed on its primary. Throws AnswerTooLargeError.
 */
export async function scan(
  snapshot: KvReader,
  api: ApiMode,
  point: ReadPoint,
  options: ScanOptions,
  take: TakePage<ScanPair>,
): Promise<void> {
  if (options.limit === 0) return;
  const budget = new AnswerBudget();
  const merged = new MergedKeys(snapshot, api, options);
  const walk = options.groups && new GroupWalk(options.groups);
  let page: ScanPair[] = [];
  try {
    for (let looked = 1, found = 0; found < options.limit; looked++) {
      const facts = await merged.next();
      if (facts === undefined) break;
      const next = walk?.skip(facts.key);
      if (next !== undefined) await merged.skipTo(next);
      const isWanted = next === undefined;
      const pair = isWanted ? await readPair(snapshot, facts, point, options) : undefined;
      if (pair !== undefined) {
        if (pair.type === 'value') walk?.give(pair.key);
        spend(budget, pair);
        page.push(pair);
        found += 1;
      }
      if (looked % limits.scanPageKeys === 0) {
        take(page);
        page = [];
        await options.turn();
      }
    }
  } finally {
    await merged.close();
  }
  take(page);
}

function spend(budget: AnswerBudget, pair: ScanPair): void {
  if (pair.type === 'value') budget.spend(pair.key, pair.value.length);
  else budget.spendError(pair.key, pair.error);
}

async function readPair(
  snapshot: KvReader,
  facts: KeyFacts,
  point: ReadPoint,
  { keyOnly, valueBytesMax }: ScanOptions,
): Promise<ScanPair | undefined> {
  const { key } = facts;
  const visible = visibleAt(facts, point);
  if (visible.type === 'locked') return { type: 'key-error', key, error: visible.error };
  if (visible.type === 'none') return undefined;
  const write: WriteRecord | undefined =
    visible.type === 'version'
      ? visible.write
      : await findVisibleInHistory(snapshot, key, point.ts);
  if (write?.kind !== 'put') return undefined;
  if (keyOnly) return { type: 'value', key, value: EMPTY_BYTES };
  const value = readValue(snapshot, key, write);
  const isWhole = valueBytesMax === 0 || value.length <= valueBytesMax;
  // A copy: the answer must not keep the rest in memory.
  return { type: 'value', key, value: isWhole ? value : value.slice(0, valueBytesMax) };
}

/** The lock and the newest record of each key of a range that has either. */
class MergedKeys {
  readonly #locks: RecordCursor;
  readonly #newest: RecordCursor;
  readonly #snapshot: KvReader;
  readonly #api: ApiMode;
  readonly #options: ScanOptions;
  readonly #direction: 1 | -1;

  constructor(snapshot: KvReader, api: ApiMode, options: ScanOptions) {
    const { limit, reverse } = options;
    const pageKeys = Math.min(limit, limits.scanPageKeys);
    this.#snapshot = snapshot;
    this.#api = api;
    this.#options = options;
    this.#locks = new RecordCursor(this.#open(family.lock, options.range), pageKeys);
    this.#newest = new RecordCursor(this.#open(family.newest, options.range), pageKeys);
    this.#direction = reverse ? -1 : 1;
  }

  #open(code: typeof family.lock | typeof family.newest, range: KeyRange): KvIterator {
    const { reverse } = this.#options;
    return this.#snapshot.iterator({ ...recordRange(this.#api, code, range), reverse });
  }

  /** Upwards only: goes on at the first key that is not below `key`; empty: there is none. */
  async skipTo(key: Uint8Array): Promise<void> {
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

  async next(): Promise<KeyFacts | undefined> {
    const lock = await this.#locks.peek();
    const newest = await this.#newest.peek();
    const first = lock ?? newest;
    if (first === undefined) return undefined;
    const order =
      lock && newest ? this.#direction * compareRecordKeys(lock[0], newest[0]) : lock ? -1 : 1;
    const key = userKeyOf(order <= 0 ? first[0] : newest![0]);
    if (order <= 0) this.#locks.take();
    if (order >= 0) this.#newest.take();
    return {
      key,
      lock: order <= 0 ? decodeLockAt(key, lock!) : undefined,
      newest: order >= 0 ? decodeNewestAt(key, newest!) : undefined,
    };
  }

  async close(): Promise<void> {
    await Promise.all([this.#locks.close(), this.#newest.close()]);
  }
}
