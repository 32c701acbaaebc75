import {
  CodecError,
  type Env,
  errorMessage,
  keyString,
  limits,
  physicalMs,
  type Timestamp,
} from '@tinykv/base';
import type { DataCommand, GatewayState, SessionState } from './commands/spec.js';
import { KeyQueue, type QueueJob } from './key-queue.js';
import { type GatewayKv, GatewayKvError, type KvFailure } from './kv-port.js';
import { databasePrefix, metaKey } from './model/keys.js';
import { decodeMeta, isExpired } from './model/meta-codec.js';
import { snapshotOfOne } from './model/one-key-txn.js';
import { type EpochTable, RedisTxn, type TouchedKey } from './model/redis-txn.js';
import type { Request } from './resp/decoder.js';
import { error, type Reply } from './resp/types.js';

/** What runs in a transaction of its own, perhaps with others of the same key. */
export interface Work {
  /** Keys that it changes, by database; the queue takes them in turn. Empty for a plain read. */
  readonly writes: readonly TouchedKey[];
  /** Takes part in a transaction with others of its key. */
  readonly batchable: boolean;
  /** Databases that it empties. */
  readonly flushes: readonly number[];
  /** Computes the answer; called again from the start when the transaction conflicts. */
  run(txn: RedisTxn): Promise<Reply>;
}

interface Job extends QueueJob {
  readonly work: Work;
  settle(reply: Reply): void;
}

const FIRST_BACKOFF_MS = 2;
const LAST_BACKOFF_MS = 200;
/** Of planted bugs: how long a commit may take, and a value be remembered. */
const IMPATIENT_MS = 200;
const REMEMBERED_MS = 500;
/** All flushes of one gateway, one after the other. */
const FLUSH_LATCH = 'flush';

const BUSY = error('BUSY the gateway has too many commands waiting, please retry');
const CONFLICT = error('ERR transaction conflict, please retry');
const UNDETERMINED = error('ERR commit result unknown');
const CORRUPT = error('ERR stored record is not readable by this gateway');

/** Runs work in transactions: latches, retries, and what a failure means to the client. */
export class Executor {
  readonly #env: Env;
  readonly #kv: GatewayKv;
  readonly #gateway: GatewayState;
  readonly #queue: KeyQueue<Job>;
  /** Planted: what a slow commit is taken for. */
  readonly #slowCommit: KvFailure | undefined;
  readonly #batchesAtOnce: boolean;
  readonly #answersEarly: boolean;
  readonly #remembered: Map<string, Promise<Uint8Array | undefined>> | undefined;

  constructor(env: Env, kv: GatewayKv, gateway: GatewayState) {
    this.#env = env;
    this.#kv = kv;
    this.#gateway = gateway;
    const isRetried = env.planted('gateway-slow-commit-retried');
    const isRefused = env.planted('gateway-slow-commit-refused');
    this.#slowCommit = isRetried ? 'conflict' : isRefused ? 'unavailable' : undefined;
    this.#batchesAtOnce = env.planted('gateway-batch-at-once');
    this.#answersEarly = env.planted('gateway-answer-before-commit');
    this.#remembered = env.planted('gateway-value-remembered') ? new Map() : undefined;
    this.#queue = new KeyQueue((batch) => this.#runBatch(batch), limits.gatewayBatchCommandsMax);
  }

  /** Runs the work when its keys are free. Never rejects: failures are error replies. */
  submit(work: Work): Promise<Reply> {
    const names = new Set(work.writes.map(latchName));
    if (work.flushes.length > 0) names.add(FLUSH_LATCH);
    if (names.size === 0) return this.#runAlone(work);
    if (this.#queue.size >= limits.gatewayLatchCommandsMax) return Promise.resolve(BUSY);
    return new Promise((resolve) => {
      const batchable = work.batchable && work.flushes.length === 0;
      this.#queue.submit({ keys: [...names], batchable, work, settle: resolve });
    });
  }

  /**
   * Runs a command that reads one key and nothing else: no timestamp, unless the key expires, and no
   * snapshot, unless it is a large object or has expired already.
   */
  async readOne(
    command: DataCommand,
    argv: Request,
    session: SessionState,
    db: number,
  ): Promise<Reply> {
    const key = argv[command.keys!.first]!;
    const run = async (txn: RedisTxn): Promise<Reply> =>
      command.run({ argv, session, gateway: this.#gateway, db: txn.database(db) });
    try {
      const { epochs } = this.#gateway;
      const table = epochs.current() ?? (await epochs.acquire());
      const txn = await this.#readLatest(table, db, key);
      if (txn !== undefined) return await run(txn);
    } catch (failure) {
      return this.#replyTo(failure);
    }
    return this.submit({ writes: [], batchable: false, flushes: [], run });
  }

  /** A transaction that knows this one key, or undefined when it takes a snapshot to tell what it holds. */
  async #readLatest(table: EpochTable, db: number, key: Uint8Array): Promise<RedisTxn | undefined> {
    const { instance } = this.#gateway.config;
    const value = await this.#latest(metaKey(databasePrefix(instance, db, table[db]!), key));
    const meta = value === undefined ? undefined : decodeMeta(value);
    if (meta?.id !== undefined) return undefined;
    let ts: Timestamp = 0n;
    if (meta?.expireAtMs !== undefined) {
      // The value was the newest at some moment before this timestamp. Alive at it, it was alive then;
      // expired at it, another value may have stood between the two.
      ts = await this.#kv.timestamp();
      if (isExpired(meta, physicalMs(ts))) return undefined;
    }
    const txn = new RedisTxn(snapshotOfOne(ts), instance, table);
    txn.database(db).preload(key, meta);
    return txn;
  }

  #latest(key: Uint8Array): Promise<Uint8Array | undefined> {
    const remembered = this.#remembered;
    if (remembered === undefined) return this.#kv.readLatest(key);
    const name = keyString(key);
    const value = remembered.get(name) ?? this.#kv.readLatest(key);
    remembered.set(name, value);
    this.#env.clock.after(REMEMBERED_MS, () => remembered.delete(name));
    return value;
  }

  async #runBatch(batch: readonly Job[]): Promise<void> {
    if (batch.length === 1) {
      batch[0]!.settle(await this.#runAlone(batch[0]!.work));
      return;
    }
    const result = await this.#transact([], async (txn) => {
      const replies: Reply[] = [];
      if (this.#batchesAtOnce) return Promise.all(batch.map((job) => job.work.run(txn)));
      for (const job of batch) replies.push(await job.work.run(txn));
      return replies;
    });
    if (Array.isArray(result)) {
      for (const [i, job] of batch.entries()) job.settle(result[i]!);
    } else if (result === UNDETERMINED) {
      for (const job of batch) job.settle(result);
    } else {
      // Nothing was applied. One of them may be the reason: each for itself then, in the same order.
      for (const job of batch) job.settle(await this.#runAlone(job.work));
    }
  }

  async #runAlone(work: Work): Promise<Reply> {
    const result = await this.#transact(work.flushes, async (txn) => [await work.run(txn)]);
    return Array.isArray(result) ? result[0]! : result;
  }

  /** The body's replies once it has committed, or the one error that stands for them all. */
  async #transact(
    flushes: readonly number[],
    body: (txn: RedisTxn) => Promise<Reply[]>,
  ): Promise<Reply[] | Reply> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(flushes, body);
      } catch (failure) {
        const reply = this.#replyTo(failure);
        if (reply !== CONFLICT) return reply;
        this.#gateway.stats.txnConflicts++;
        if (attempt >= this.#gateway.config.txnAttemptsMax) return reply;
      }
      await this.#backOff(attempt);
    }
  }

  async #attempt(
    flushes: readonly number[],
    body: (txn: RedisTxn) => Promise<Reply[]>,
  ): Promise<Reply[]> {
    if (flushes.length > 0) return this.#attemptFlush(flushes, body);
    const { epochs, config } = this.#gateway;
    const table = epochs.current() ?? (await epochs.acquire());
    const kvTxn = await this.#kv.begin();
    const txn = new RedisTxn(kvTxn, config.instance, table);
    return this.#finish(txn, body);
  }

  async #attemptFlush(
    flushes: readonly number[],
    body: (txn: RedisTxn) => Promise<Reply[]>,
  ): Promise<Reply[]> {
    const { epochs, config } = this.#gateway;
    const closedBy = await epochs.close(flushes);
    let flushed = false;
    try {
      const kvTxn = await this.#kv.begin();
      const table = await epochs.readClosed(kvTxn, flushes);
      const txn = new RedisTxn(kvTxn, config.instance, table);
      const replies = await this.#finish(txn, body);
      if (txn.hasWrites) {
        flushed = true;
        epochs.flushed(txn.epochs, kvTxn.startTs);
      }
      return replies;
    } finally {
      if (!flushed) await epochs.release(closedBy);
    }
  }

  /** Runs the body and commits what it wrote. */
  async #finish(txn: RedisTxn, body: (txn: RedisTxn) => Promise<Reply[]>): Promise<Reply[]> {
    let replies: Reply[];
    try {
      replies = await body(txn);
    } catch (failure) {
      await txn.kv.rollback();
      throw failure;
    }
    if (txn.hasWrites && this.#answersEarly) this.#commit(txn).catch(() => undefined);
    else if (txn.hasWrites) await this.#commit(txn);
    else await txn.kv.rollback();
    return replies;
  }

  async #commit(txn: RedisTxn): Promise<void> {
    this.#env.faults.hit('gateway-before-commit');
    const commit = txn.commit();
    await (this.#slowCommit ? Promise.race([commit, this.#giveUp(this.#slowCommit)]) : commit);
  }

  #giveUp(failure: KvFailure): Promise<never> {
    return new Promise((_, reject) => {
      const error = new GatewayKvError(failure, `no answer within ${IMPATIENT_MS} ms`);
      this.#env.clock.after(IMPATIENT_MS, () => reject(error));
    });
  }

  /** What a failure of the store means to a client. Anything else is a bug and goes up. */
  #replyTo(failure: unknown): Reply {
    if (failure instanceof CodecError) {
      this.#env.logger.error('stored record is not readable', { error: failure.message });
      return CORRUPT;
    }
    if (!(failure instanceof GatewayKvError)) throw failure;
    switch (failure.failure) {
      case 'conflict':
        return CONFLICT;
      case 'undetermined':
        this.#gateway.stats.txnUndetermined++;
        return UNDETERMINED;
      case 'too-large':
        return error(`ERR ${failure.message}`);
      case 'unavailable':
        this.#env.logger.warn('store is unavailable', { error: errorMessage(failure) });
        return error(
          `CLUSTERDOWN The store is unavailable, nothing was applied: ${failure.message}`,
        );
    }
  }

  /** Full jitter: what collided once does not collide in step. */
  #backOff(attempt: number): Promise<void> {
    const ceiling = Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** attempt);
    const ms = this.#env.rng.float() * ceiling;
    return new Promise((resolve) => this.#env.clock.after(ms, () => resolve()));
  }
}

function latchName(key: TouchedKey): string {
  let name = `${key.db}/`;
  for (const byte of key.key) name += String.fromCharCode(byte);
  return name;
}
