import { type Env, limits } from '@tinykv/base';
import { invoke } from './command/invoke.js';
import { CommandDeadlines } from './command-deadlines.js';
import type { DataCommand, GatewayState, SessionState } from './commands/spec.js';
import { Job, type LateReplies, type OneKeyUse, type Work } from './job.js';
import { KeyQueue } from './key-queue.js';
import { type GatewayKv, GatewayKvError, type KvTxn } from './kv-port.js';
import { BUSY, CONFLICT, lateReply, replyTo, UNDETERMINED } from './kv-replies.js';
import { LatestReads } from './latest-read.js';
import { SharedPace } from './model/pace.js';
import { type EpochTable, nameOf, RedisTxn } from './model/redis-txn.js';
import { OneKeyPath } from './one-key-path.js';
import type { Request } from './resp/request.js';
import type { Reply } from './resp/types.js';

type Body = (txn: RedisTxn) => Promise<Reply[]>;

const FIRST_BACKOFF_MS = 2;
const LAST_BACKOFF_MS = 200;
/** The part of a command's time that the store may use: the rest is for telling what became of it. */
const STORE_SHARE = 0.9;
/** All flushes of one gateway, one after the other. */
const FLUSH_LATCH = 'flush';

/** Runs work in transactions: latches, retries, deadlines, and what a failure means to the client. */
export class Executor {
  readonly #env: Env;
  readonly #kv: GatewayKv;
  readonly #gateway: GatewayState;
  readonly #queue: KeyQueue<Job>;
  readonly #deadlines: CommandDeadlines;
  readonly #late: LateReplies;
  readonly #reads: LatestReads;
  readonly #oneKey: OneKeyPath;

  constructor(env: Env, kv: GatewayKv, gateway: GatewayState) {
    this.#env = env;
    this.#kv = kv;
    this.#gateway = gateway;
    const { commandTimeoutMs } = gateway.config;
    this.#deadlines = new CommandDeadlines(env.clock, commandTimeoutMs);
    this.#late = {
      notApplied: () => lateReply(commandTimeoutMs),
      unknown: () => {
        gateway.stats.txnUndetermined++;
        return UNDETERMINED;
      },
    };
    this.#reads = new LatestReads(kv, gateway);
    this.#oneKey = new OneKeyPath(kv, gateway);
    this.#queue = new KeyQueue((batch) => this.#runBatch(batch), limits.gatewayBatchCommandsMax);
  }

  /** Runs the work when its keys are free. Never rejects: failures are error replies, in time. */
  submit(work: Work): Promise<Reply> {
    const names = new Set(work.writes.map(nameOf));
    if (work.flushes.length > 0) names.add(FLUSH_LATCH);
    const isQueued = names.size > 0;
    if (isQueued && this.#queue.size >= limits.gatewayLatchCommandsMax) {
      return Promise.resolve(BUSY);
    }
    return new Promise((resolve) => {
      const job = new Job(work, [...names], this.#late, resolve);
      this.#deadlines.add(job);
      if (isQueued) this.#queue.submit(job);
      else void this.#runAlone(job);
    });
  }

  close(): void {
    this.#deadlines.close();
  }

  /** Runs a command that reads one key and nothing else. */
  async readOne(
    command: DataCommand,
    argv: Request,
    session: SessionState,
    db: number,
  ): Promise<Reply> {
    const key = argv[command.range!.first]!;
    const run = async (txn: RedisTxn): Promise<Reply> =>
      invoke(command, argv, session, this.#gateway, txn, db);
    try {
      const { epochs } = this.#gateway;
      let { timeoutMs } = this.#deadlines;
      let table = epochs.current();
      if (table === undefined) {
        const begunMono = this.#env.clock.mono();
        table = await epochs.acquire(timeoutMs);
        timeoutMs -= this.#env.clock.mono() - begunMono;
      }
      const txn = await this.#reads.read(table, db, key, timeoutMs);
      if (txn !== undefined) return await run(txn);
    } catch (failure) {
      return this.#replyTo(failure);
    }
    return this.submit({ client: session, writes: [], batchable: false, flushes: [], run });
  }

  async #runBatch(batch: readonly Job[]): Promise<void> {
    const jobs = batch.filter((job) => !job.isOver);
    if (jobs.length === 0) return;
    if (jobs.length === 1) return this.#runAlone(jobs[0]!);
    const result = await this.#transact(jobs, [], async (txn) => {
      const replies: Reply[] = [];
      for (const job of jobs) replies.push(await job.work.run(txn));
      return replies;
    });
    if (Array.isArray(result)) {
      for (const [i, job] of jobs.entries()) job.settle(result[i]!);
    } else if (result === UNDETERMINED) {
      for (const job of jobs) job.settle(result);
    } else {
      // Nothing was applied. One of them may be the reason: each for itself then, in the same order.
      for (const job of jobs) if (!job.isOver) await this.#runAlone(job);
    }
  }

  async #runAlone(job: Job): Promise<void> {
    const { work } = job;
    const result = await this.#transact([job], work.flushes, async (txn) => [await work.run(txn)]);
    job.settle(Array.isArray(result) ? result[0]! : result);
  }

  /** The body's replies once it has committed, or the one error that stands for them all. */
  async #transact(
    jobs: readonly Job[],
    flushes: readonly number[],
    body: Body,
  ): Promise<Reply[] | Reply> {
    const deadlineMono = this.#env.clock.mono() + this.#deadlines.timeoutMs;
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(jobs, flushes, body, deadlineMono);
      } catch (failure) {
        const reply = this.#replyTo(failure);
        if (reply !== CONFLICT) return reply;
        this.#gateway.stats.txnConflicts++;
        if (attempt >= this.#gateway.config.txnAttemptsMax) return reply;
      }
      await this.#backOff(attempt);
      if (jobs.some((job) => job.isOver)) return CONFLICT;
    }
  }

  async #attempt(
    jobs: readonly Job[],
    flushes: readonly number[],
    body: Body,
    deadlineMono: number,
  ): Promise<Reply[]> {
    if (flushes.length > 0) return this.#attemptFlush(jobs, flushes, body, deadlineMono);
    const use = oneKeyUse(jobs);
    if (use !== undefined) {
      const replies = await this.#attemptOneKey(jobs, use, body, deadlineMono);
      if (replies !== undefined) return replies;
    }
    const table = await this.#epochs(deadlineMono);
    const pace = new SharedPace(this.#env.clock, jobs);
    const { instance } = this.#gateway.config;
    const txn = new RedisTxn(await this.#begin(deadlineMono), instance, table, pace);
    return this.#finish(jobs, txn, body);
  }

  /** Undefined: it takes a transaction. */
  async #attemptOneKey(
    jobs: readonly Job[],
    use: OneKeyUse,
    body: Body,
    deadlineMono: number,
  ): Promise<Reply[] | undefined> {
    const table = await this.#epochs(deadlineMono);
    const pace = new SharedPace(this.#env.clock, jobs);
    const key = jobs[0]!.work.writes[0]!;
    const timeoutMs = Math.max(1, STORE_SHARE * (deadlineMono - this.#env.clock.mono()));
    return this.#oneKey.attempt({ jobs, key, use, table, pace, timeoutMs, body });
  }

  async #epochs(deadlineMono: number): Promise<EpochTable> {
    const { epochs } = this.#gateway;
    return epochs.current() ?? (await epochs.acquire(deadlineMono - this.#env.clock.mono()));
  }

  async #begin(deadlineMono: number): Promise<KvTxn> {
    const { ttlClock } = this.#gateway;
    const sentMono = ttlClock.mono();
    const txn = await this.#kv.begin(Math.max(1, STORE_SHARE * (deadlineMono - sentMono)));
    ttlClock.observe(txn.startTs, sentMono);
    return txn;
  }

  async #attemptFlush(
    jobs: readonly Job[],
    flushes: readonly number[],
    body: Body,
    deadlineMono: number,
  ): Promise<Reply[]> {
    const { epochs, config } = this.#gateway;
    const closing = await epochs.close(flushes);
    let flushed = false;
    try {
      const kvTxn = await this.#begin(deadlineMono);
      const table = await epochs.readClosed(kvTxn, closing);
      const pace = new SharedPace(this.#env.clock, jobs);
      const txn = new RedisTxn(kvTxn, config.instance, table, pace);
      const replies = await this.#finish(jobs, txn, body);
      flushed = txn.hasWrites;
      return replies;
    } finally {
      if (flushed) epochs.flushed();
      else await epochs.release(closing);
    }
  }

  /** Runs the body and commits what it wrote. */
  async #finish(jobs: readonly Job[], txn: RedisTxn, body: Body): Promise<Reply[]> {
    let replies: Reply[];
    try {
      replies = await body(txn);
      await txn.guardReads();
    } catch (failure) {
      await txn.kv.rollback();
      throw failure;
    }
    // What was answered that nothing was applied never is.
    if (!txn.hasWrites || jobs.some((job) => job.isOver)) {
      await txn.kv.rollback();
      if (txn.hasWrites) throw new GatewayKvError('unavailable', 'the time of a command is over');
    } else {
      await this.#commit(jobs, txn);
    }
    return replies;
  }

  async #commit(jobs: readonly Job[], txn: RedisTxn): Promise<void> {
    this.#env.faults.hit('gateway-before-commit');
    for (const job of jobs) job.decide();
    try {
      await txn.commit();
      this.#env.faults.hit('gateway-before-reply');
    } catch (failure) {
      const isUnknown = failure instanceof GatewayKvError && failure.failure === 'undetermined';
      if (!isUnknown) for (const job of jobs) job.undecide();
      throw failure;
    } finally {
      this.#gateway.expiries.noteWritten(txn.expiries);
    }
  }

  #replyTo(failure: unknown): Reply {
    return replyTo(failure, this.#env, this.#gateway.stats);
  }

  /** Full jitter: what collided once does not collide in step. */
  #backOff(attempt: number): Promise<void> {
    const ceiling = Math.min(LAST_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** attempt);
    const ms = this.#env.rng.float() * ceiling;
    return new Promise((resolve) => this.#env.clock.after(ms, () => resolve()));
  }
}

/** The use of its key by work that is done together. */
function oneKeyUse(jobs: readonly Job[]): OneKeyUse | undefined {
  let use: OneKeyUse | undefined = 'overwrites';
  for (const { work } of jobs) {
    if (work.oneKey === undefined) return undefined;
    if (work.oneKey === 'changes') use = 'changes';
  }
  return use;
}
