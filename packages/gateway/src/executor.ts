import { type Env, limits } from '@tinykv/base';
import { CommandDeadlines } from './command-deadlines.js';
import type { GatewayState } from './commands/spec.js';
import type { DataWork } from './data-work.js';
import { Job, type LateReplies, type ReplyTaker, type Work } from './job.js';
import { KeyQueue } from './key-queue.js';
import { type GatewayKv, GatewayKvError, type KvTxn } from './kv-port.js';
import { BUSY, CONFLICT, lateReply, replyTo, UNDETERMINED } from './kv-replies.js';
import { SharedPace } from './model/pace.js';
import { type EpochTable, nameOf, RedisTxn, type TouchedKey } from './model/redis-txn.js';
import type { Reply } from './resp/types.js';
import { KeyGroup } from './turn/key-group.js';
import type { TurnPorts } from './turn/ports.js';
import { Turn } from './turn/turn.js';

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
  readonly #turn: Turn;

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
    this.#turn = new Turn(this.#portsOfTurn());
    this.#queue = new KeyQueue((batch) => this.#start(batch), limits.gatewayBatchCommandsMax);
  }

  /** Runs the work when its keys are free. Never rejects: failures are error replies, in time. */
  submit(work: Work): Promise<Reply> {
    const names = new Set(work.writes.map(nameOf));
    if (work.flushes.length > 0) names.add(FLUSH_LATCH);
    return new Promise((take) => {
      if (names.size > 0) this.#enqueue(work, [...names], { take });
      else void this.#runAlone(this.#jobOf(work, [], { take }));
    });
  }

  /** Runs a command when its keys are free. `taker` hears its one reply, in time. */
  queue(
    work: DataWork,
    touched: readonly TouchedKey[],
    names: readonly string[],
    taker: ReplyTaker,
  ): void {
    work.writes = touched;
    this.#enqueue(work, names, taker);
  }

  /** Runs a command that only reads, and need not wait for others of its keys. */
  read(work: DataWork, names: readonly string[], taker: ReplyTaker): void {
    const job = this.#jobOf(work, [], taker);
    if (work.snapshot !== undefined) this.#turn.readMany(job);
    else this.#turn.read(job, names[0]!, work.touched);
  }

  #enqueue(work: Work, names: readonly string[], taker: ReplyTaker): void {
    if (this.#queue.size >= limits.gatewayLatchCommandsMax) taker.take(BUSY);
    else this.#queue.submit(this.#jobOf(work, names, taker));
  }

  #jobOf(work: Work, names: readonly string[], taker: ReplyTaker): Job {
    const job = new Job(work, names, this.#late, taker);
    this.#deadlines.add(job);
    return job;
  }

  /** The keys of a batch are free. */
  #start(batch: Job[]): void {
    if (batch.every(({ work }) => work.step !== undefined)) {
      this.#turn.push(new KeyGroup(batch, batch[0]!.work.step!.touched, true));
    } else void this.#runBatch(batch).then(() => this.#queue.finish(batch));
  }

  #portsOfTurn(): TurnPorts {
    return {
      env: this.#env,
      kv: this.#kv,
      gateway: this.#gateway,
      storeShare: STORE_SHARE,
      widen: (group) => {
        group.owner = undefined;
        void this.#runBatch(group.jobs).then(() => this.#done(group));
      },
      apart: (group) => void this.#runApart(group.jobs).then(() => this.#done(group)),
      alone: (job) => void this.#runAlone(job),
      again: (group) => this.#turn.push(group),
      conflict: (group) => this.#onConflict(group),
      done: (group) => this.#done(group),
      replyTo: (failure) => this.#replyTo(failure),
    };
  }

  #done(group: KeyGroup): void {
    if (group.isQueued) this.#queue.finish(group.batch);
  }

  #onConflict(group: KeyGroup): void {
    this.#gateway.stats.txnConflicts++;
    const { attempt, jobs } = group;
    if (attempt < this.#gateway.config.txnAttemptsMax) {
      group.attempt++;
      void this.#backOff(attempt).then(() => this.#turn.push(group));
      return;
    }
    if (jobs.length > 1) {
      void this.#runApart(jobs).then(() => this.#done(group));
      return;
    }
    jobs[0]!.settle(CONFLICT);
    this.#done(group);
  }

  close(): void {
    this.#deadlines.close();
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
      // Nothing was applied. One of them may be the reason.
      await this.#runApart(jobs);
    }
  }

  /** Each for itself, in the same order. */
  async #runApart(jobs: readonly Job[]): Promise<void> {
    for (const job of jobs) if (!job.isOver) await this.#runAlone(job);
  }

  async #runAlone(job: Job): Promise<void> {
    if (job.isOver) return;
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
    const table = await this.#epochs(deadlineMono);
    const pace = new SharedPace(this.#env.clock, jobs);
    const { instance } = this.#gateway.config;
    const txn = new RedisTxn(await this.#begin(deadlineMono), instance, table, pace);
    return this.#finish(jobs, txn, body);
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
    } catch (failure) {
      const isUnknown = failure instanceof GatewayKvError && failure.failure === 'undetermined';
      if (isUnknown) this.#gateway.expiries.noteWritten(txn.expiries);
      else for (const job of jobs) job.undecide();
      throw failure;
    }
    this.#gateway.expiries.noteWritten(txn.expiries);
    this.#env.faults.hit('gateway-before-reply');
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
