import {
  CodecError,
  describeBytes,
  type KvEntry,
  KvError,
  type KvReader,
  keyString,
  maxTimestamp,
  nextKey,
  type Timestamp,
  TS_MAX,
  TS_ZERO,
} from '@tinykv/base';
import {
  checkRollback,
  decodeHistoryWrite,
  decodeLock,
  decodeNewest,
  historyKey,
  type LockRecord,
  lockKey,
  type NewestRecord,
  newestKey,
  parseHistoryKey,
  unsealValue,
  valueKey,
  type WriteRecord,
} from '@tinykv/model';

/** What is stored about one user key now. */
export interface KeyFacts {
  readonly key: Uint8Array;
  readonly lock: LockRecord | undefined;
  readonly newest: NewestRecord | undefined;
}

/** How a transaction that has no lock on a key ended there, if it did. */
export type Outcome =
  | { readonly type: 'none' }
  | { readonly type: 'rollback' }
  | { readonly type: 'commit'; readonly write: WriteRecord };

/** {@link KeyFacts} with what the transaction of a command has left on the key. */
export interface TxnKeyFacts extends KeyFacts {
  readonly outcome: Outcome;
}

/** By `keyString`; a key that was looked up in vain has undefined. */
export type OwnCommits = ReadonlyMap<string, WriteRecord | undefined>;
export const NO_COMMITS: OwnCommits = new Map();

const NONE: Outcome = { type: 'none' };
const ROLLBACK: Outcome = { type: 'rollback' };

/** Records of one key's history that are read in one step: most answers lie in the first few. */
const HISTORY_PAGE_RECORDS = 16;

/** Damaged bytes must surface as DATA_LOSS: an absent record would be a wrong answer. */
export function asDataLoss(error: unknown, what: string, key: Uint8Array): unknown {
  if (!(error instanceof CodecError)) return error;
  return new KvError('DATA_LOSS', `${what} of key ${describeBytes(key)}: ${error.message}`, {
    cause: error,
  });
}

/** Decodes a lock that was found under its key. */
export function decodeLockAt(key: Uint8Array, [at, bytes]: KvEntry): LockRecord {
  try {
    return decodeLock(at, bytes);
  } catch (error) {
    throw asDataLoss(error, 'lock', key);
  }
}

/** Decodes a newest record that was found under its key. */
export function decodeNewestAt(key: Uint8Array, [at, bytes]: KvEntry): NewestRecord {
  try {
    return decodeNewest(at, bytes);
  } catch (error) {
    throw asDataLoss(error, 'newest record', key);
  }
}

/**
 * Reads the lock before the newest record, and whoever needs history reads it after both. Each change
 * moves a version forward along `l`, `k`, `h` in one batch, so in this order no version is missed even
 * when batches land between the reads.
 */
export function readKey(reader: KvReader, key: Uint8Array): KeyFacts {
  const lockAt = lockKey(key);
  const lock = reader.get(lockAt);
  const newestAt = newestKey(key);
  const newest = reader.get(newestAt);
  return {
    key,
    lock: lock && decodeLockAt(key, [lockAt, lock]),
    newest: newest && decodeNewestAt(key, [newestAt, newest]),
  };
}

/** The highest timestamp at which the key was committed, rolled back or locked-and-committed; 0: never. */
export function newestTs(newest: NewestRecord | undefined): Timestamp {
  if (newest === undefined) return TS_ZERO;
  const commitTs = newest.write?.commitTs ?? TS_ZERO;
  return maxTimestamp(commitTs, newest.otherTs);
}

/**
 * Facts about keys that the caller has latched, for the transaction `startTs`. `inHistory` are the keys
 * whose outcome only the history tells: look them up with {@link findOwnCommits} and read again. A
 * commit that was found stays where it is while its key is latched.
 */
export function readTxnKeys(
  reader: KvReader,
  keys: readonly Uint8Array[],
  startTs: Timestamp,
  known: OwnCommits,
): { readonly facts: readonly TxnKeyFacts[]; readonly inHistory: readonly Uint8Array[] } {
  const inHistory: Uint8Array[] = [];
  const facts = keys.map((key) => {
    const { lock, newest } = readKey(reader, key);
    const outcome = readOutcome(reader, { key, lock, newest }, startTs, known);
    if (outcome === undefined) inHistory.push(key);
    return { key, lock, newest, outcome: outcome ?? NONE };
  });
  return { facts, inHistory };
}

/** Undefined: a commit of the transaction may lie in the history. */
function readOutcome(
  reader: KvReader,
  { key, lock, newest }: KeyFacts,
  startTs: Timestamp,
  known: OwnCommits,
): Outcome | undefined {
  // A transaction that holds its lock has not ended here, and one that came after every record has not either.
  if (lock?.startTs === startTs || newestTs(newest) < startTs) return NONE;
  if (newest?.write?.startTs === startTs) return { type: 'commit', write: newest.write };
  if (hasRollback(reader, key, startTs)) return ROLLBACK;
  // Commits lie above their start, and both parts of the newest record bound what the history holds.
  if (newestTs(newest) === startTs) return NONE;
  const name = keyString(key);
  if (!known.has(name)) return undefined;
  const write = known.get(name);
  return write === undefined ? NONE : { type: 'commit', write };
}

function hasRollback(reader: KvReader, key: Uint8Array, startTs: Timestamp): boolean {
  const at = historyKey(key, startTs, 'r');
  const bytes = reader.get(at);
  if (bytes === undefined) return false;
  try {
    checkRollback(at, bytes);
  } catch (error) {
    throw asDataLoss(error, 'rollback', key);
  }
  return true;
}

/** Looks through the history above `startTs` for commits of that transaction, the nearest first. */
export async function findOwnCommits(
  reader: KvReader,
  keys: readonly Uint8Array[],
  startTs: Timestamp,
): Promise<OwnCommits> {
  const out = new Map<string, WriteRecord | undefined>();
  for (const key of keys) {
    const range = { start: historyKey(key, TS_MAX, 'r'), end: historyKey(key, startTs, 'r') };
    const write = await findWrite(reader, key, { ...range, reverse: true }, (candidate) => {
      return candidate.startTs === startTs;
    });
    out.set(keyString(key), write);
  }
  return out;
}

/** The newest Put or Delete committed at or below `ts` among those that newer ones have displaced. */
export function findVisibleInHistory(
  reader: KvReader,
  key: Uint8Array,
  ts: Timestamp,
): Promise<WriteRecord | undefined> {
  const range = {
    start: historyKey(key, ts, 'r'),
    end: nextKey(historyKey(key, TS_ZERO, 'w')),
  };
  return findWrite(reader, key, range, (candidate) => candidate.kind !== 'lock');
}

async function findWrite(
  reader: KvReader,
  key: Uint8Array,
  range: { readonly start: Uint8Array; readonly end: Uint8Array; readonly reverse?: boolean },
  wanted: (write: WriteRecord) => boolean,
): Promise<WriteRecord | undefined> {
  const iterator = reader.iterator(range);
  try {
    for (;;) {
      const page = await iterator.next(HISTORY_PAGE_RECORDS);
      if (page.length === 0) return undefined;
      for (const [at, bytes] of page) {
        const write = decodeHistory(key, at, bytes);
        if (write !== undefined && wanted(write)) return write;
      }
    }
  } finally {
    await iterator.close();
  }
}

/** Undefined for a rollback. */
export function decodeHistory(
  key: Uint8Array,
  at: Uint8Array,
  bytes: Uint8Array,
): WriteRecord | undefined {
  try {
    return parseHistoryKey(at).tag === 'w' ? decodeHistoryWrite(at, bytes) : undefined;
  } catch (error) {
    throw asDataLoss(error, 'history', key);
  }
}

/** The value of a committed Put; throws DATA_LOSS when a long value is gone. */
export function readValue(reader: KvReader, key: Uint8Array, write: WriteRecord): Uint8Array {
  if (write.shortValue !== undefined) return write.shortValue;
  const at = valueKey(key, write.startTs);
  const bytes = reader.get(at);
  if (bytes === undefined) {
    throw new KvError('DATA_LOSS', `long value of key ${describeBytes(key)} is missing`);
  }
  try {
    return unsealValue(at, bytes);
  } catch (error) {
    throw asDataLoss(error, 'long value', key);
  }
}
