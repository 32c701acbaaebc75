import { fromKeyString, type Timestamp, TS_ZERO } from '@tinykv/base';
import {
  decodeHistoryWrite,
  decodeLock,
  decodeNewest,
  encodeHistoryWrite,
  encodeLock,
  encodeNewest,
  encodeRollback,
  family,
  historyKey,
  type KeyError,
  type LockRecord,
  lockKey,
  newestKey,
  parseHistoryKey,
  parseRecordKey,
  type WriteRecord,
} from '@tinykv/model';
import { type FakeStore, fakeStore, OLD, pairs, served } from './fake-store.js';

/** Keys and values of the course's tests are single bytes. */
export const bytes = (...list: number[]): Uint8Array => Uint8Array.from(list);

export interface CourseLock {
  readonly key: number;
  readonly startTs: number;
  readonly kind?: 'put' | 'delete';
  readonly value?: number;
  readonly primary?: number;
  readonly ttl?: number;
}

/** A rollback lies at its start_ts, whatever commit_ts a test of the course gives it. */
export interface CourseWrite {
  readonly key: number;
  readonly startTs: number;
  readonly commitTs: number;
  readonly kind?: 'put' | 'delete' | 'rollback';
  readonly value?: number;
}

/**
 * The world of the TinyKV course's tests for project 4: stores are filled with, and seen as, locks, writes
 * and values by timestamp, however the engine lays them out.
 */
export class CourseWorld {
  readonly store: FakeStore = fakeStore();

  init(locks: readonly CourseLock[], writes: readonly CourseWrite[]): void {
    const { engine } = this.store;
    const batch = engine.batch();
    for (const lock of locks) {
      const at = lockKey(bytes(lock.key));
      batch.put(at, encodeLock(at, lockRecord(lock)));
    }
    for (const key of new Set(writes.map((write) => write.key))) {
      const ofKey = writes.filter((write) => write.key === key);
      const rollbacks = ofKey.filter((write) => write.kind === 'rollback');
      for (const { startTs } of rollbacks) {
        const at = historyKey(bytes(key), BigInt(startTs), 'r');
        batch.put(at, encodeRollback(at));
      }
      const [newest, ...older] = ofKey
        .filter((write) => write.kind !== 'rollback')
        .sort((a, b) => b.commitTs - a.commitTs)
        .map(writeRecord);
      for (const write of older) {
        const at = historyKey(bytes(key), write.commitTs, 'w');
        batch.put(at, encodeHistoryWrite(at, write));
      }
      const at = newestKey(bytes(key));
      const otherTs = BigInt(Math.max(0, ...rollbacks.map((write) => write.startTs)));
      batch.put(at, encodeNewest(at, { write: newest, otherTs }));
    }
    void engine.write(batch, { sync: false });
  }

  /** Every record, one line each: `lock 3 put 42 start=100`, `write 3 put 42 start=100 commit=110`. */
  state(): string[] {
    const lines: string[] = [];
    for (const [name, value] of this.store.engine.data) {
      const at = fromKeyString(name);
      switch (at[0]) {
        case family.lock: {
          const { kind, shortValue, startTs, primary, ttlMs } = decodeLock(at, value);
          const text = `${parseRecordKey(at).join()} ${describe(kind, shortValue)} start=${startTs}`;
          lines.push(`lock ${text} primary=${primary.join()} ttl=${ttlMs}`);
          break;
        }
        case family.newest: {
          const { write } = decodeNewest(at, value);
          if (write) lines.push(describeWrite(parseRecordKey(at), write));
          break;
        }
        case family.history: {
          const { userKey, ts, tag } = parseHistoryKey(at);
          if (tag === 'r') lines.push(`rollback ${userKey.join()} start=${ts}`);
          else lines.push(describeWrite(userKey, decodeHistoryWrite(at, value)));
          break;
        }
        default:
          lines.push(`unexpected ${at.join()}`);
      }
    }
    return lines.sort();
  }

  get(key: number, ts: number) {
    return served(this.store.txn.reads.get(OLD, bytes(key), BigInt(ts)));
  }

  /** The value's one byte, or how it is absent. */
  async value(key: number, ts: number): Promise<number | string> {
    const answer = await this.get(key, ts);
    return answer.type === 'value' ? answer.value[0]! : answer.type;
  }

  async prewrite(
    startTs: number,
    ...mutations: readonly [key: number, value: number | 'delete'][]
  ): Promise<readonly KeyError[]> {
    const { errors } = await served(
      this.store.txn.writes.prewrite(OLD, {
        mutations: mutations.map(([key, value]) =>
          value === 'delete'
            ? { kind: 'delete', key: bytes(key) }
            : { kind: 'put', key: bytes(key), value: bytes(value) },
        ),
        primary: bytes(1),
        startTs: BigInt(startTs),
        ttlMs: 1000,
      }),
    );
    return errors;
  }

  commit(startTs: number, commitTs: number, ...keys: number[]) {
    const timestamps = { startTs: BigInt(startTs), commitTs: BigInt(commitTs) };
    return served(
      this.store.txn.writes.commit(OLD, { keys: keys.map((key) => bytes(key)), ...timestamps }),
    );
  }

  rollback(startTs: number, ...keys: number[]) {
    const request = { keys: keys.map((key) => bytes(key)), startTs: BigInt(startTs) };
    return served(this.store.txn.writes.batchRollback(OLD, request));
  }

  check(primary: number, startTs: Timestamp, currentTs: Timestamp) {
    return served(
      this.store.txn.writes.checkTxnStatus(OLD, { primary: bytes(primary), startTs, currentTs }),
    );
  }

  resolve(startTs: number, commitTs: number) {
    const txn = { startTs: BigInt(startTs), commitTs: BigInt(commitTs) };
    return served(this.store.txn.writes.resolveLock(OLD, txn));
  }

  scan(startKey: number, limit: number, ts: number) {
    return pairs(
      this.store.txn.reads.scan(OLD, {
        startKey: bytes(startKey),
        endKey: bytes(),
        limit,
        ts: BigInt(ts),
        reverse: false,
        keyOnly: false,
      }),
    );
  }
}

function lockRecord(lock: CourseLock): LockRecord {
  return {
    kind: lock.kind ?? 'put',
    primary: bytes(lock.primary ?? 1),
    startTs: BigInt(lock.startTs),
    ttlMs: lock.ttl ?? 0,
    forUpdateTs: TS_ZERO,
    minCommitTs: TS_ZERO,
    secondaries: undefined,
    shortValue: lock.kind === 'delete' ? undefined : bytes(lock.value ?? 0),
  };
}

function writeRecord({ kind, startTs, commitTs, value }: CourseWrite): WriteRecord {
  return {
    kind: kind === 'delete' ? kind : 'put',
    startTs: BigInt(startTs),
    commitTs: BigInt(commitTs),
    shortValue: kind === 'delete' ? undefined : bytes(value ?? 0),
  };
}

function describeWrite(key: Uint8Array, write: WriteRecord): string {
  const { kind, shortValue, startTs, commitTs } = write;
  return `write ${key.join()} ${describe(kind, shortValue)} start=${startTs} commit=${commitTs}`;
}

function describe(kind: string, value: Uint8Array | undefined): string {
  return value === undefined ? kind : `${kind} ${value.join()}`;
}
