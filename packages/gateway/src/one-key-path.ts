import { equalBytes, KvError, keyString, TS_MAX } from '@tinykv/base';
import type { GatewayState } from './commands/spec.js';
import type { Job, OneKeyUse } from './job.js';
import {
  type GatewayKv,
  GatewayKvError,
  type KvChange,
  type KvTxn,
  type KvWrite,
} from './kv-port.js';
import { databasePrefix, isTtlKey, metaKey } from './model/keys.js';
import {
  isExpired,
  PLAIN_HEADS,
  readMeta,
  type StoredMeta,
  UNREADABLE,
} from './model/meta-codec.js';
import type { Pace } from './model/pace.js';
import { type EpochTable, RedisTxn, type TouchedKey } from './model/redis-txn.js';
import type { Reply } from './resp/types.js';

/** The work of one attempt. */
export interface OneKeyAttempt {
  readonly jobs: readonly Job[];
  readonly key: TouchedKey;
  readonly use: OneKeyUse;
  readonly table: EpochTable;
  readonly pace: Pace;
  readonly timeoutMs: number;
  readonly body: (txn: RedisTxn) => Promise<Reply[]>;
}

/** The work touches more than the record of its key. */
class WiderError extends KvError {
  constructor() {
    super('FAILED_PRECONDITION', 'the work needs more than one key');
  }
}

/**
 * Commands that change the record of one key, without a transaction: its newest version is read beside the fetch of a
 * timestamp, or not at all, and the store writes on the condition that it is still that version. What needs more goes the
 * way of a transaction.
 */
export class OneKeyPath {
  readonly #kv: GatewayKv;
  readonly #gateway: GatewayState;

  constructor(kv: GatewayKv, gateway: GatewayState) {
    this.#kv = kv;
    this.#gateway = gateway;
  }

  /** Undefined: it takes a transaction, and nothing was applied. Throws as a transaction does, `conflict` among it. */
  async attempt(attempt: OneKeyAttempt): Promise<Reply[] | undefined> {
    try {
      if (attempt.use === 'overwrites') {
        const done = await this.#overwrite(attempt);
        if (done !== 'refused') return done;
      }
      return await this.#change(attempt);
    } catch (error) {
      if (error instanceof WiderError) return undefined;
      throw error;
    }
  }

  /** `refused`: the key holds what has to be cleared away. */
  async #overwrite(attempt: OneKeyAttempt): Promise<Reply[] | undefined | 'refused'> {
    const ts = await this.#timestamp();
    const condition = { type: 'head', heads: PLAIN_HEADS, orAbsent: true } as const;
    return this.#run(attempt, ts, undefined, condition);
  }

  async #change(attempt: OneKeyAttempt): Promise<Reply[] | undefined> {
    const { key, table } = attempt;
    const record = this.#recordOf(key, table);
    const reading = this.#kv.readVersions([record], TS_MAX);
    // A read that fails must have somebody to tell, also when there is no timestamp.
    const [read, ts] = await Promise.all([reading, this.#timestamp()]);
    const { value, commitTs: version } = read.versions[0]!;
    const meta = value && readMeta(value);
    if (typeof meta === 'object' && meta.id !== undefined) return undefined;
    const done = await this.#run(attempt, ts, meta, { type: 'version', version });
    if (done !== 'refused') return done;
    throw new GatewayKvError('conflict', 'the key was written meanwhile');
  }

  async #run(
    { jobs, key, table, pace, timeoutMs, body }: OneKeyAttempt,
    ts: bigint,
    meta: StoredMeta | undefined,
    condition: KvWrite['condition'],
  ): Promise<Reply[] | undefined | 'refused'> {
    const record = this.#recordOf(key, table);
    const kvTxn = new OneRecordTxn(ts, record);
    const txn = new RedisTxn(kvTxn, this.#gateway.config.instance, table, pace);
    txn.database(key.db).preload(key.key, meta);
    const replies = await body(txn);
    if (!txn.hasWrites) {
      // It had expired by the timestamp, but perhaps not yet when it was read, and another value may have stood between.
      const isPast = meta !== undefined && meta !== UNREADABLE && isExpired(meta, txn.nowMs);
      return isPast ? undefined : replies;
    }
    if (jobs.some((job) => job.isOver)) {
      throw new GatewayKvError('unavailable', 'the time of a command is over');
    }
    const { value, companions } = kvTxn;
    // What comes and goes leaves a version for those who watch the key, which a delete of nothing does not.
    if (value === undefined && meta === undefined) return undefined;
    const write = { key: record, ts, condition, value, companions };
    const written = await this.#write(jobs, write, txn, timeoutMs);
    if (written === 'apart') this.#gateway.stats.expiriesApart++;
    if (written === 'unready' || written === 'apart') return undefined;
    return written === 'written' ? replies : 'refused';
  }

  async #write(
    jobs: readonly Job[],
    write: KvWrite,
    { expiries }: RedisTxn,
    timeoutMs: number,
  ): Promise<Awaited<ReturnType<GatewayKv['writeOneKey']>>> {
    this.#gateway.env.faults.hit('gateway-before-one-key-write');
    for (const job of jobs) job.decide();
    let isKnown = true;
    try {
      const written = await this.#kv.writeOneKey(write, timeoutMs);
      isKnown = written !== 'written';
      return written;
    } catch (failure) {
      isKnown = !(failure instanceof GatewayKvError && failure.failure === 'undetermined');
      throw failure;
    } finally {
      this.#gateway.expiries.noteWritten(expiries);
      if (isKnown) for (const job of jobs) job.undecide();
    }
  }

  async #timestamp(): Promise<bigint> {
    const { ttlClock } = this.#gateway;
    const sentMono = ttlClock.mono();
    const ts = await this.#kv.timestamp();
    ttlClock.observe(ts, sentMono);
    return ts;
  }

  #recordOf({ db, key }: TouchedKey, table: EpochTable): Uint8Array {
    return metaKey(databasePrefix(this.#gateway.config.instance, db, table[db]!), key);
  }
}

/**
 * Keeps what is written to one record, and to the expiry entries of its key, which lie in the same slot; everything else
 * makes the work too wide.
 */
class OneRecordTxn implements KvTxn {
  readonly startTs: bigint;
  readonly #record: Uint8Array;
  readonly #entries = new Map<string, KvChange>();
  value: Uint8Array | undefined;

  constructor(startTs: bigint, record: Uint8Array) {
    this.startTs = startTs;
    this.#record = record;
  }

  get(): Promise<never> {
    return Promise.reject(new WiderError());
  }

  batchGet(): Promise<never> {
    return Promise.reject(new WiderError());
  }

  scan(): Promise<never> {
    return Promise.reject(new WiderError());
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#change(key, value);
  }

  delete(key: Uint8Array): void {
    this.#change(key, undefined);
  }

  #change(key: Uint8Array, value: Uint8Array | undefined): void {
    if (equalBytes(key, this.#record)) this.value = value;
    else if (isTtlKey(key)) this.#entries.set(keyString(key), { key, value });
    else throw new WiderError();
  }

  get companions(): readonly KvChange[] {
    return [...this.#entries.values()];
  }

  lockKey(): void {
    throw new WiderError();
  }

  commit(): Promise<never> {
    return Promise.reject(new WiderError());
  }

  rollback(): Promise<void> {
    return Promise.resolve();
  }
}
