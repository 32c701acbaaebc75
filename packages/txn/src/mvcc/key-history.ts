import {
  EMPTY_BYTES,
  type KvReader,
  limits,
  nextKey,
  type Timestamp,
  TS_MAX,
  TS_ZERO,
} from '@tinykv/base';
import {
  historyKey,
  type LockInfo,
  parseHistoryKey,
  type WriteKind,
  type WriteRecord,
} from '@tinykv/model';
import { lockInfo } from './decision.js';
import { asDataLoss, decodeHistory, readKey, readValue } from './key-view.js';

/** How a transaction ended on a key. */
export interface KeyVersion {
  readonly kind: WriteKind | 'rollback';
  readonly startTs: Timestamp;
  /** Of a rollback: its start. */
  readonly commitTs: Timestamp;
  /** Empty unless it is a put. */
  readonly value: Uint8Array;
}

/** All that is stored about a key. */
export interface KeyHistory {
  readonly lock: LockInfo | undefined;
  /** The newest first; at most `limits.mvccVersionsMax`, and no more bytes than an answer may have. */
  readonly versions: readonly KeyVersion[];
  /** Older versions were left out. */
  readonly hasMore: boolean;
}

/** Reads what a snapshot holds of one key. */
export async function keyHistory(snapshot: KvReader, key: Uint8Array): Promise<KeyHistory> {
  const { lock, newest } = readKey(snapshot, key);
  const found = { lock: lock && lockInfo(key, lock), hasMore: false };
  const versions: KeyVersion[] = [];
  let bytes = 0;
  for await (const version of allVersions(snapshot, key, newest?.write)) {
    bytes += version.value.length;
    const isTooMuch = bytes > limits.scanBytesMax && versions.length > 0;
    if (isTooMuch || versions.length === limits.mvccVersionsMax) {
      return { ...found, versions, hasMore: true };
    }
    versions.push(version);
  }
  return { ...found, versions };
}

/** The newest first, the history page by page. Rollbacks above the newest commit lie in the history too. */
async function* allVersions(
  snapshot: KvReader,
  key: Uint8Array,
  newest: WriteRecord | undefined,
): AsyncGenerator<KeyVersion, void, undefined> {
  let next = newest;
  const start = historyKey(key, TS_MAX, 'r');
  const iterator = snapshot.iterator({ start, end: nextKey(historyKey(key, TS_ZERO, 'w')) });
  try {
    for (;;) {
      const page = await iterator.next(limits.scanPageKeys);
      if (page.length === 0) break;
      for (const [at, bytes] of page) {
        const version = historyVersion(snapshot, key, at, bytes);
        if (next !== undefined && version.commitTs < next.commitTs) {
          yield committed(snapshot, key, next);
          next = undefined;
        }
        yield version;
      }
    }
  } finally {
    await iterator.close();
  }
  if (next !== undefined) yield committed(snapshot, key, next);
}

function historyVersion(
  snapshot: KvReader,
  key: Uint8Array,
  at: Uint8Array,
  bytes: Uint8Array,
): KeyVersion {
  const write = decodeHistory(key, at, bytes);
  if (write !== undefined) return committed(snapshot, key, write);
  const startTs = rollbackTs(key, at);
  return { kind: 'rollback', startTs, commitTs: startTs, value: EMPTY_BYTES };
}

function rollbackTs(key: Uint8Array, at: Uint8Array): Timestamp {
  try {
    return parseHistoryKey(at).ts;
  } catch (error) {
    throw asDataLoss(error, 'history', key);
  }
}

function committed(snapshot: KvReader, key: Uint8Array, write: WriteRecord): KeyVersion {
  const { kind, startTs, commitTs } = write;
  const value = kind === 'put' ? readValue(snapshot, key, write) : EMPTY_BYTES;
  return { kind, startTs, commitTs, value };
}
