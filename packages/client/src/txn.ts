import type { Timestamp } from '@tinykv/base';
import type { BackgroundWork } from './background-work.js';
import { CallLimits, type CallOptions } from './call-limits.js';
import { checkBytes, checkKey } from './check-arguments.js';
import { KeyExistsError, type RetryableTxnError, UndeterminedError } from './errors.js';
import { type Patience, withPatience } from './give-up.js';
import { HeartBeat } from './heart-beat.js';
import { PessimisticLocks } from './pessimistic-locks.js';
import type { KvPair, ScanOptions } from './range-scan.js';
import type { Scan } from './scan.js';
import { traced } from './tracing.js';
import { TwoPhaseCommit } from './two-phase.js';
import { type Savepoint, TxnBuffer } from './txn-buffer.js';
import type { TxnContext } from './txn-context.js';
import { TxnLocking } from './txn-locking.js';
import { type LockOptions, lockTtlOf, type RunState, type TxnOptions } from './txn-options.js';
import { TxnProgress, type TxnState } from './txn-progress.js';
import { TxnReads } from './txn-reads.js';
import { TxnView } from './txn-view.js';

/**
 * A transaction under snapshot isolation: it reads what was committed when it began, keeps its writes to
 * itself, and commits them all if nobody has written any of its keys meanwhile.
 *
 * A pessimistic one may lock keys before it writes them. From then on every read of such a key gives the value
 * under its lock, and nobody else writes it until the end; transactions that lock all that they read are serializable.
 *
 * Reads throw {@link RegionUnavailableError}, {@link KeyLockedError} when a lock outlasts the time-out,
 * and KvError of the scheduler.
 */
export class Txn {
  readonly #context: TxnContext;
  /** What its locks carry. */
  readonly #lockTs: Timestamp;
  readonly #reads: TxnReads;
  readonly #progress = new TxnProgress();
  readonly #limits: CallLimits;
  readonly #locking: TxnLocking;
  readonly #beganAt: number;
  readonly #buffer = new TxnBuffer();
  readonly #heartBeat: HeartBeat;
  readonly #isPessimistic: boolean;
  readonly #isRun: boolean;
  readonly #isRunAgain: boolean;
  /** The outcome of the commit that its function has begun. */
  #outcome: Promise<Timestamp> | undefined;
  /** Undefined: the transaction is optimistic, and has locked nothing ahead. */
  readonly #locks: PessimisticLocks | undefined;
  /** Keys that have kept it from being committed. */
  readonly #contended: Uint8Array[] = [];
  readonly #background: BackgroundWork;
  #settled: Promise<void> = Promise.resolve();

  constructor(
    context: TxnContext,
    startTs: Timestamp,
    beganAt: number,
    options: TxnOptions & RunState,
    background: BackgroundWork,
  ) {
    this.#lockTs = startTs;
    this.#context = context;
    const { lifetimeMs = Number.POSITIVE_INFINITY } = options;
    this.#limits = new CallLimits(context.router, options, beganAt + lifetimeMs);
    this.#beganAt = beganAt;
    const living = { startTs, beganAt, lockTtlMs: lockTtlOf(options) };
    this.#heartBeat = new HeartBeat(context, living);
    this.#isPessimistic = options.pessimistic === true;
    this.#isRun = options.isRun;
    this.#isRunAgain = options.isRunAgain;
    this.#locks =
      this.#isPessimistic || options.locksAhead
        ? new PessimisticLocks(context, living, this.#heartBeat, this.#isPessimistic ? options : {})
        : undefined;
    const view = new TxnView(this.#buffer, this.#locks?.held);
    this.#reads = new TxnReads(context, this.#limits, this.#progress, view, startTs);
    this.#locking = new TxnLocking(
      this.#locks,
      this.#isPessimistic,
      this.#buffer,
      this.#limits,
      this.#progress,
    );
    this.#background = background;
  }

  /** The timestamp of its reads. */
  get startTs(): Timestamp {
    return this.#reads.ts;
  }

  get state(): TxnState {
    return this.#progress.state;
  }

  /** Whether a call of this transaction has failed with it, and not one of another. */
  isOwnFailure(error: RetryableTxnError): boolean {
    return this.#progress.isOwn(error);
  }

  /** Keys whose writers have kept its commit from succeeding. */
  get contended(): readonly Uint8Array[] {
    return this.#contended;
  }

  /**
   * Before anything is read: locks keys, one after the other in their order, so that transactions which do the same never
   * wait for one another in a circle. Reads see what was committed when all are locked: a snapshot that agrees with the
   * values under the locks. Throws as {@link lockKeys} does.
   */
  async lockAhead(keys: readonly Uint8Array[]): Promise<void> {
    const seen = await this.#locking.lockAhead(keys, this.#lockTs);
    if (seen > this.#lockTs) this.#reads.moveTo(seen);
  }

  /** Resolves when nothing of this transaction goes on in the background. Never rejects. */
  get settled(): Promise<void> {
    return this.#settled;
  }

  /** Undefined: the key does not exist. */
  get(key: Uint8Array, options?: CallOptions): Promise<Uint8Array | undefined> {
    return this.#reads.get(key, options);
  }

  /** Values in the order of the keys; undefined where there is none. */
  batchGet(
    keys: readonly Uint8Array[],
    options?: CallOptions,
  ): Promise<(Uint8Array | undefined)[]> {
    return this.#reads.batchGet(keys, options);
  }

  /**
   * Pairs from `start` on, in order, own writes included; one that is made during an iteration is seen if its
   * page was not read yet. A key that is locked during an iteration is seen under its lock from then on. Time-outs
   * are for each page.
   */
  scan(start: Uint8Array, options: ScanOptions & CallOptions = {}): Scan<KvPair> {
    return this.#reads.scan(start, options);
  }

  /** Takes key and value as they are: they must not be changed before the commit. */
  put(key: Uint8Array, value: Uint8Array): void {
    this.#progress.checkOpen();
    checkKey(key);
    checkBytes(value, 'value');
    this.#buffer.set({ kind: 'put', key, value });
  }

  /**
   * Puts a key that must not exist: it is read first, in a pessimistic transaction under its lock. Throws
   * {@link KeyExistsError}, and as reads and {@link lockKeys} do. A key that another transaction inserts meanwhile is a
   * {@link WriteConflictError} of the commit.
   */
  async insert(key: Uint8Array, value: Uint8Array, options?: LockOptions): Promise<void> {
    checkBytes(value, 'value');
    const present = this.#isPessimistic
      ? await this.getForUpdate(key, options)
      : await this.get(key, options);
    if (present !== undefined) throw new KeyExistsError(key);
    this.put(key, value);
  }

  delete(key: Uint8Array): void {
    this.#progress.checkOpen();
    checkKey(key);
    this.#buffer.set({ kind: 'delete', key });
  }

  /**
   * The commit shall fail if another transaction writes one of these keys after this one's start. A pessimistic
   * transaction locks them now, whatever was committed since its start. Throws then {@link DeadlockError},
   * {@link LockWaitTimeoutError}, and whatever reads throw; the transaction may go on without those locks.
   */
  lockKeys(...keys: readonly Uint8Array[]): Promise<void> {
    return this.#locking.lock(keys, undefined);
  }

  /**
   * Locks those of the keys that no other transaction has locked, and waits for none: the keys that are locked then, in
   * the order in which they were given. Only for pessimistic transactions; KvError FAILED_PRECONDITION in others.
   */
  tryLockKeys(keys: readonly Uint8Array[], options?: CallOptions): Promise<Uint8Array[]> {
    return this.#locking.tryLock(keys, options);
  }

  /**
   * Locks the key as {@link lockKeys} does, and reads it: in a pessimistic transaction under its lock, so that
   * the value stays the newest until the end. Undefined: the key does not exist.
   */
  async getForUpdate(key: Uint8Array, options?: LockOptions): Promise<Uint8Array | undefined> {
    await this.#locking.lock([key], options);
    return this.get(key, options);
  }

  /** The same for several keys, a request to each Region. Values in the order of the keys. */
  async batchGetForUpdate(
    keys: readonly Uint8Array[],
    options?: LockOptions,
  ): Promise<(Uint8Array | undefined)[]> {
    await this.#locking.lock(keys, options);
    return this.batchGet(keys, options);
  }

  /** A state of the writes to come back to, by {@link rollbackTo}. */
  savepoint(): Savepoint {
    this.#progress.checkOpen();
    return this.#buffer.savepoint();
  }

  /**
   * Forgets the writes and optimistic locks since the savepoint, which stays good; later ones are gone. Throws KvError
   * FAILED_PRECONDITION for one that is gone or of another transaction.
   */
  rollbackTo(savepoint: Savepoint): void {
    this.#progress.checkOpen();
    this.#buffer.rollbackTo(savepoint);
  }

  /**
   * The commit timestamp, or the start's when there is nothing to commit. Throws
   * {@link RetryableTxnError} when the transaction lost against another one,
   * {@link RegionUnavailableError} or another KvError when it is certainly not committed, and
   * {@link UndeterminedError} when nobody knows. One that is given up, by a signal, its time-out or the end of the
   * transaction's lifetime, is certainly not committed unless it was being decided: then nobody knows.
   */
  commit(options: CallOptions = {}): Promise<Timestamp> {
    const isFirst = this.#isRun && this.state === 'open';
    const outcome = traced('tinykv.commit', () =>
      this.#context.metrics.commit(this.#commit(options)),
    );
    if (!isFirst) return outcome;
    // The function need not wait for it: whoever runs the function does.
    this.#outcome = outcome;
    outcome.catch(() => undefined);
    return outcome;
  }

  /**
   * For whoever runs the function, which has returned: commits what is open, waits for a commit that the function has
   * begun, and throws as that did, whatever the function made of it. Undefined: it has rolled back.
   */
  async endRun(): Promise<Timestamp | undefined> {
    return this.state === 'open' ? this.commit() : this.#outcome;
  }

  /** The function has thrown: rolls back what is open. True: it may be committed, by a commit that the function has begun. */
  async abandonRun(): Promise<boolean> {
    if (this.state === 'open') this.rollback();
    const failure = await this.#outcome?.then(
      () => undefined,
      (error: unknown) => error,
    );
    return this.state === 'committed' || failure instanceof UndeterminedError;
  }

  async #commit(options: CallOptions): Promise<Timestamp> {
    this.#progress.checkOpen();
    const patience = this.#limits.patience(options);
    const writes = this.#buffer.sorted();
    // Without writes there is nothing to commit that an optimistic transaction has asked for.
    const locks = this.#isPessimistic || writes.length > 0 ? this.#locks : undefined;
    const mutations = locks?.addTo(writes) ?? writes;
    if (mutations.length === 0) {
      this.#end('committed');
      return this.startTs;
    }
    this.#progress.state = 'committing';
    if (!this.#background.hasRoom) await this.#waitForRoom(patience);
    this.#heartBeat.start(mutations[0]!.key);
    const commit = new TwoPhaseCommit(this.#context, {
      startTs: this.#lockTs,
      mutations,
      bytes: this.#buffer.bytes,
      beganAt: this.#beganAt,
      locks,
      yields: this.#isRunAgain,
      contended: this.#contended,
    });
    this.#background.commitBegins();
    const outcome = commit.run();
    // A commit that was given up goes on until it has cleaned up.
    const background = outcome.then(
      () => commit.background,
      () => commit.background,
    );
    try {
      const commitTs = await withPatience(this.#context.env.clock, commit, outcome, patience);
      this.#progress.state = 'committed';
      return commitTs;
    } catch (error) {
      this.#progress.state = 'failed';
      throw this.#progress.failed(error);
    } finally {
      this.#heartBeat.stop();
      this.#settled = this.#locks?.endWith(background) ?? background;
      this.#background.track(this.#settled);
      this.#background.commitEnds();
    }
  }

  /** Throws as the commit does when it is given up: nothing was sent. */
  async #waitForRoom(patience: Patience): Promise<void> {
    const { room, leave } = this.#background.enter();
    try {
      await withPatience(this.#context.env.clock, { giveUp: () => true }, room, patience);
    } catch (error) {
      leave();
      this.#end('failed');
      throw error;
    }
  }

  /** Forgets the writes. Pessimistic locks are given back in the background. */
  rollback(): void {
    this.#progress.checkOpen();
    this.#end('rolled-back');
  }

  /** Without a commit. */
  #end(state: TxnState): void {
    this.#progress.state = state;
    this.#heartBeat.stop();
    if (this.#locks === undefined) return;
    this.#settled = this.#locks.releaseAll();
    this.#background.track(this.#settled);
  }

  /** For `await using`: rolls back what is still open. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#progress.state === 'open') this.rollback();
  }
}
