import { composeTimestamp, fromUtf8, physicalMs, type Timestamp } from '@tinykv/base';
import type { Mutation, PessimisticLockAnswer } from '../src/index.js';
import { type KeyFacts, readKey } from '../src/mvcc/key-view.js';
import { key, STRICT, served } from './fake-store.js';
import { put, Session } from './session.js';

/** What a lock request may say beside what it locks. */
interface LockOptions {
  readonly primary?: string;
  readonly forUpdateTs?: Timestamp;
  readonly waitMs?: number;
  readonly ttlMs?: number;
  readonly pipelined?: boolean;
  readonly forceLock?: boolean;
  readonly returnValues?: boolean;
  readonly aliveLockTs?: Timestamp;
}

/** A session whose timestamps lie in the time of its store's clock, so that locks are alive. */
export class PessimisticSession extends Session {
  override context = STRICT;

  /** `n` milliseconds from where the clock began. */
  at(n: number): Timestamp {
    const { clock } = this.store.env;
    return composeTimestamp(clock.wall() - clock.mono() + 1_000 + n, 1);
  }

  lockAnswer(startTs: Timestamp, keys: readonly string[], options: LockOptions = {}) {
    const { primary = keys[0] ?? '', forUpdateTs = startTs, ttlMs = 60_000 } = options;
    return this.store.txn.locks.lock(this.context, {
      keys: keys.map(key),
      primary: key(primary),
      startTs,
      ttlMs,
      forUpdateTs,
      minCommitTs: 0n,
      waitMs: options.waitMs ?? 0,
      returnValues: options.returnValues ?? true,
      pipelined: options.pipelined ?? false,
      forceLock: options.forceLock ?? false,
      aliveLockTs: options.aliveLockTs ?? 0n,
    });
  }

  /** `ok` with the values, or what the error says. */
  async lock(startTs: Timestamp, keys: readonly string[], options?: LockOptions): Promise<string> {
    const answer = await this.lockAnswer(startTs, keys, options);
    return answer.ok ? describe(answer.value) : `refused ${answer.error.type}`;
  }

  async unlock(startTs: Timestamp, keys: readonly string[], forUpdateTs = startTs): Promise<void> {
    const request = { keys: keys.map(key), startTs, forUpdateTs };
    await served(this.store.txn.locks.rollback(this.context, request));
  }

  async prewriteLocked(startTs: Timestamp, mutations: readonly Mutation[], forUpdateTs = startTs) {
    const locked = mutations.map((mutation) => ({ ...mutation, isLocked: true }));
    const primary = mutations[0]!.key;
    const request = { mutations: locked, primary, startTs, ttlMs: 3_000, forUpdateTs };
    return (await served(this.store.txn.writes.prewrite(this.context, request))).errors;
  }

  factsOf(k: string): KeyFacts {
    return readKey(this.store.engine, key(k));
  }

  /** Writes a locked key and commits. */
  async finish(startTs: Timestamp, commitTs: Timestamp, k: string, value: string): Promise<void> {
    const errors = await this.prewriteLocked(startTs, [put(k, value)]);
    if (errors.length > 0) throw new Error(errors[0]!.type);
    const error = await this.commit(startTs, commitTs, k);
    if (error !== undefined) throw new Error(error.type);
  }
}

function describe({ error, values }: PessimisticLockAnswer): string {
  if (error === undefined) {
    const texts = values.map(({ value }) => (value === undefined ? '-' : fromUtf8(value)));
    return ['ok', ...texts].join(' ');
  }
  if (error.type === 'locked') return `locked ${fromUtf8(error.lock.key)}`;
  if (error.type !== 'deadlock') return error.type;
  const chain = error.waitChain.map(({ txn, waitForTxn, key: k }) => {
    return `${short(txn)}-${fromUtf8(k)}->${short(waitForTxn)}`;
  });
  return `deadlock ${chain.join(' ')}`;
}

function short(ts: Timestamp): string {
  return `T${physicalMs(ts) % 1_000}`;
}
