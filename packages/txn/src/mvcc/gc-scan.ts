import { compareBytes, type KvReader, limits, nextKey, type Timestamp } from '@tinykv/base';
import {
  type ApiMode,
  family,
  type KeyRange,
  lockKey,
  parseHistoryKey,
  recordRange,
} from '@tinykv/model';
import type { HistoryRecord, OldFacts } from './gc.js';
import { asDataLoss, decodeHistory, decodeLockAt, decodeNewestAt } from './key-view.js';
import { RecordCursor, userKeyOf } from './record-cursor.js';

/** A stretch of keys. `next` is where the one after it begins; undefined: the range ends here. */
export interface OldPage {
  readonly keys: readonly OldFacts[];
  readonly next: Uint8Array | undefined;
}

/**
 * Reads keys of a range with what they have at or below the safe point, until it has seen about
 * `limits.gcPageRecords` records. A key with more than that comes alone and cut, and again on the next page.
 */
export async function readOldPage(
  snapshot: KvReader,
  api: ApiMode,
  range: KeyRange,
  safePoint: Timestamp,
): Promise<OldPage> {
  const page = new PageReader(snapshot, api, range, safePoint);
  try {
    return await page.read();
  } finally {
    await page.close();
  }
}

class PageReader {
  readonly #snapshot: KvReader;
  readonly #newest: RecordCursor;
  readonly #history: RecordCursor;
  readonly #safePoint: Timestamp;
  #records = 0;

  constructor(snapshot: KvReader, api: ApiMode, range: KeyRange, safePoint: Timestamp) {
    this.#snapshot = snapshot;
    this.#safePoint = safePoint;
    const open = (code: typeof family.newest | typeof family.history): RecordCursor =>
      new RecordCursor(snapshot.iterator(recordRange(api, code, range)), limits.scanPageKeys);
    this.#newest = open(family.newest);
    this.#history = open(family.history);
  }

  async read(): Promise<OldPage> {
    const keys: OldFacts[] = [];
    while (this.#records < limits.gcPageRecords) {
      const key = await this.#nextKey();
      if (key === undefined) return { keys, next: undefined };
      const facts = await this.#readKey(key);
      keys.push(facts);
      if (facts.isCut) return { keys, next: key };
    }
    return { keys, next: nextKey(keys.at(-1)!.key) };
  }

  async #nextKey(): Promise<Uint8Array | undefined> {
    const newest = await this.#newest.peek();
    const history = await this.#history.peek();
    const ofNewest = newest && userKeyOf(newest[0]);
    const ofHistory = history && historyKeyAt(history[0]).userKey;
    if (ofNewest === undefined || ofHistory === undefined) return ofNewest ?? ofHistory;
    return compareBytes(ofNewest, ofHistory) <= 0 ? ofNewest : ofHistory;
  }

  async #readKey(key: Uint8Array): Promise<OldFacts> {
    const entry = await this.#newest.peek();
    const isHere = entry !== undefined && compareBytes(userKeyOf(entry[0]), key) === 0;
    if (isHere) this.#newest.take();
    this.#records += 1;
    const old: HistoryRecord[] = [];
    const isCut = await this.#readHistory(key, old);
    const lock = this.#snapshot.get(lockKey(key));
    return {
      key,
      lock: lock && decodeLockAt(key, [lockKey(key), lock]),
      newest: isHere ? decodeNewestAt(key, entry) : undefined,
      old,
      isCut,
    };
  }

  /** True when it stops before the last record of the key. */
  async #readHistory(key: Uint8Array, old: HistoryRecord[]): Promise<boolean> {
    for (;;) {
      const entry = await this.#history.peek();
      if (entry === undefined) return false;
      const { userKey, ts } = historyKeyAt(entry[0]);
      if (compareBytes(userKey, key) !== 0) return false;
      if (old.length >= limits.gcPageRecords) return true;
      this.#history.take();
      this.#records += 1;
      if (ts > this.#safePoint) continue;
      const write = decodeHistory(key, ...entry);
      old.push(write === undefined ? { tag: 'r', ts } : { tag: 'w', write });
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#newest.close(), this.#history.close()]);
  }
}

function historyKeyAt(at: Uint8Array): ReturnType<typeof parseHistoryKey> {
  try {
    return parseHistoryKey(at);
  } catch (error) {
    throw asDataLoss(error, 'history key', at);
  }
}
