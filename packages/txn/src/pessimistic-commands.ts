import {
  type Env,
  equalBytes,
  err,
  errorMessage,
  maxTimestamp,
  ok,
  physicalMs,
  type Timestamp,
  TS_ZERO,
} from '@tinykv/base';
import type { KeyError, LockInfo, Modify, RegionView, WaitForEdge } from '@tinykv/model';
import {
  type Answer,
  keysOfCommand,
  keyTooLong,
  type LatchedCommands,
} from './latched-commands.js';
import type { BegunWait, LeftKey, LockWaits } from './lock-waits.js';
import { AnswerBudget } from './mvcc/answer-budget.js';
import { abortError } from './mvcc/decision.js';
import { readValue, type TxnKeyFacts } from './mvcc/key-view.js';
import { conflictSeen, lockPessimistically, unlockPessimistic } from './mvcc/pessimistic.js';

import type { OnePhaseGate } from './one-phase-gate.js';
import { aheadError, belowSafePoint, isKeyTooLong } from './region-read.js';
import type {
  LockedValue,
  PessimisticLockAnswer,
  PessimisticLockRequest,
  PessimisticRollbackRequest,
  TxnContext,
} from './requests.js';
import { WriteAdmission } from './write-admission.js';

/**
 * The longest wait before the client is told who holds the lock: it alone can find out that the holder is
 * dead. Below the time after which clients give up an attempt.
 */
const WAIT_MOST_MS = 1_000;

export interface PessimisticParts {
  readonly env: Env;
  readonly commands: LatchedCommands;
  readonly waits: LockWaits;
  readonly gate: OnePhaseGate | undefined;
}

/** What came of one try: an answer, or a wait after which to try again. */
type Attempt =
  | { readonly type: 'done'; readonly answer: PessimisticLockAnswer }
  | { readonly type: 'waits'; readonly wait: BegunWait };

/** Until when a request waits, in monotonic milliseconds. */
interface Patience {
  /** In this store, in one go. */
  readonly until: number;
  /** Its client, over several requests. */
  readonly clientUntil: number;
}

/** Whom a request has to wait for. */
interface Obstacle {
  readonly key: Uint8Array;
  readonly holderTs: Timestamp;
  /** Undefined: the lock is not taken yet. */
  readonly lock: LockInfo | undefined;
}

/** Locks that are taken before a transaction writes. */
export class PessimisticCommands {
  readonly #env: Env;
  readonly #commands: LatchedCommands;
  readonly #waits: LockWaits;
  readonly #gate: OnePhaseGate | undefined;
  readonly #admission: WriteAdmission;

  constructor({ env, commands, waits, gate }: PessimisticParts) {
    this.#env = env;
    this.#commands = commands;
    this.#waits = waits;
    this.#gate = gate;
    this.#admission = new WriteAdmission(gate);
  }

  /** Locks all keys, or none. While another transaction has one of them, it waits. */
  lock(context: TxnContext, request: PessimisticLockRequest): Answer<PessimisticLockAnswer> {
    const keys = keysOfCommand(request.keys);
    const tooLong = [...keys, request.primary].find(isKeyTooLong);
    if (tooLong !== undefined) return Promise.resolve(ok(failed(keyTooLong(tooLong))));
    const { startTs, forUpdateTs, minCommitTs } = request;
    return this.#admission.admit(
      startTs,
      maxTimestamp(forUpdateTs, minCommitTs),
      (error) => ok(failed(error)),
      () => this.#lock(context, { ...request, keys }),
    );
  }

  async #lock(context: TxnContext, request: PessimisticLockRequest): Answer<PessimisticLockAnswer> {
    const { keys } = request;
    // To lock is to read: nothing may be committed below what was seen.
    if ((await this.#gate?.admit(request.forUpdateTs, keys)) === false) {
      return ok(failed(aheadError(request.forUpdateTs)));
    }
    const now = this.#env.clock.mono();
    const { waitMs = Number.POSITIVE_INFINITY } = request;
    const patience = { until: now + Math.min(waitMs, WAIT_MOST_MS), clientUntil: now + waitMs };
    for (;;) {
      const attempt = await this.#try(context, request, patience);
      if (!attempt.ok) return attempt;
      if (attempt.value.type === 'done') return ok(attempt.value.answer);
      const end = await attempt.value.wait.ended;
      switch (end.type) {
        case 'released':
        case 'timeout':
          break;
        case 'deadlock':
          return ok(failed(deadlock(end.cycle)));
        case 'cancelled':
          return ok(failed(abortError(`transaction ${request.startTs} has given up`, keys[0]!)));
        case 'refused':
          return err(end.error);
      }
    }
  }

  /** Gives back locks that the transaction does not need. */
  async rollback(context: TxnContext, request: PessimisticRollbackRequest): Answer<void> {
    const { startTs, forUpdateTs } = request;
    const keys = keysOfCommand(request.keys).filter((key) => !isKeyTooLong(key));
    this.#waits.cancel(keys, startTs);
    const settled = await this.#commands.onEachTxnKey(context, keys, startTs, (facts) =>
      unlockPessimistic(facts, startTs, forUpdateTs),
    );
    return settled.ok ? ok(undefined) : settled;
  }

  #try(context: TxnContext, request: PessimisticLockRequest, patience: Patience): Answer<Attempt> {
    if (!request.pipelined) return this.#decide(context, request, patience, () => undefined);
    return new Promise((resolve, reject) => {
      const onLocking = (view: RegionView, attempt: Attempt): void => {
        void this.#leads(context, request, view).then((leads) => {
          if (leads) resolve(ok(attempt));
        });
      };
      this.#decide(context, request, patience, onLocking).then(resolve, (error: unknown) => {
        // If the answer is out already, the prewrite finds out.
        this.#env.logger.debug('lock not certainly kept', { error: errorMessage(error) });
        reject(error);
      });
    });
  }

  /** `onLocking` is told when the locks are about to be proposed. */
  async #decide(
    context: TxnContext,
    request: PessimisticLockRequest,
    patience: Patience,
    onLocking: (view: RegionView, attempt: Attempt) => void,
  ): Answer<Attempt> {
    const { keys, startTs } = request;
    let begun: BegunWait | undefined;
    let left: LeftKey = 'free';
    try {
      const settled = await this.#commands.onTxnKeys<Attempt>(
        context,
        keys,
        startTs,
        (facts, view) => {
          const { modifies, error, obstacle } = this.#judge(facts, view, request);
          if (error === undefined && obstacle === undefined) {
            const attempt: Attempt = { type: 'done', answer: granted(facts, view, request) };
            onLocking(view, attempt);
            return { modifies, answer: attempt };
          }
          if (error?.type === 'conflict') left = 'free-for-now';
          // The wait begins under the latches, or the lock could go unnoticed.
          if (obstacle) begun = this.#wait(context, request, view, obstacle, patience);
          if (begun) return { modifies: [], answer: { type: 'waits', wait: begun } };
          const reason = error ?? this.#reason(obstacle!, request, patience);
          return { modifies: [], answer: { type: 'done', answer: failed(reason) } };
        },
      );
      if (!settled.ok) begun?.abandon();
      else if (settled.value.type === 'done' && settled.value.answer.error === undefined)
        left = 'locked';
      return settled;
    } finally {
      this.#waits.endTurns(keys, startTs, () => left);
    }
  }

  /** What is to be written, or why nothing is: an error, or a lock of another that is there or about to be. */
  #judge(
    facts: readonly TxnKeyFacts[],
    view: RegionView,
    request: PessimisticLockRequest,
  ): {
    readonly modifies: readonly Modify[];
    readonly error?: KeyError | undefined;
    readonly obstacle?: Obstacle | undefined;
  } {
    const { keys, startTs } = request;
    const tooOld = belowSafePoint(view, startTs);
    if (tooOld !== undefined) return { modifies: [], error: tooOld };
    const { modifies, answer: error } = lockPessimistically(facts, request);
    if (error?.type === 'locked') {
      const { lock } = error;
      return { modifies, obstacle: { key: lock.key, holderTs: lock.startTs, lock } };
    }
    const reserved = modifies.length > 0 ? this.#waits.reservedFor(keys, startTs) : undefined;
    if (reserved === undefined) return { modifies, error };
    return {
      modifies,
      obstacle: { key: reserved.key, holderTs: reserved.startTs, lock: undefined },
    };
  }

  /** A client that waits so long and no longer is told when that is over, others who holds the lock. */
  #reason(
    { key, holderTs: lockTs, lock }: Obstacle,
    { waitMs }: PessimisticLockRequest,
    { until }: Patience,
  ): KeyError {
    const isBounded = waitMs !== undefined && waitMs > 0 && waitMs <= WAIT_MOST_MS;
    const isOver = isBounded && this.#env.clock.mono() >= until;
    return lock === undefined || isOver
      ? { type: 'lock-wait-timeout', key, lockTs }
      : { type: 'locked', lock };
  }

  /** Whether what this view shows is the newest there is: a leader may have been deposed without knowing. */
  async #leads(
    context: TxnContext,
    { keys }: PessimisticLockRequest,
    { term }: RegionView,
  ): Promise<boolean> {
    const read = await this.#commands.access.acquireRead(context, keys);
    return read.ok && read.value.term === term;
  }

  /** Undefined: there is no time to wait, or no use. */
  #wait(
    context: TxnContext,
    request: PessimisticLockRequest,
    { term }: RegionView,
    { key, holderTs, lock }: Obstacle,
    { until, clientUntil }: Patience,
  ): BegunWait | undefined {
    const { keys, startTs, forceLock = false, aliveLockTs } = request;
    // Others that wait for keys of which this one has the turn must not be thought to wait for it.
    this.#waits.endTurns(keys, startTs, (each) => (equalBytes(each, key) ? 'locked' : 'free'));
    const now = this.#env.clock.mono();
    const seemsAliveMs =
      lock === undefined || lock.startTs === aliveLockTs ? until - now : this.#aliveMs(lock);
    const mostMs = Math.min(until - now, seemsAliveMs);
    if (mostMs <= 0) return undefined;
    const comesBack = forceLock && now + mostMs < clientUntil;
    return this.#waits.begin({
      context,
      term,
      key,
      startTs,
      holderTs,
      mostMs,
      forceLock,
      comesBack,
    });
  }

  /** A lock that seems to have expired is for the client to look into. */
  #aliveMs({ startTs, ttlMs }: LockInfo): number {
    return physicalMs(startTs) + ttlMs - this.#env.clock.wall();
  }
}

/** Throws RESOURCE_EXHAUSTED when the values are too large for one answer. */
function granted(
  facts: readonly TxnKeyFacts[],
  view: RegionView,
  request: PessimisticLockRequest,
): PessimisticLockAnswer {
  const isConflict = facts.some((fact) => conflictSeen(fact, request) !== TS_ZERO);
  const wanted = request.returnValues || (request.forceLock === true && isConflict);
  if (!wanted) return { values: [] };
  const budget = new AnswerBudget();
  const values = facts.map((fact) => {
    const locked = readLocked(fact, view, request);
    budget.spend(0, locked.value?.length ?? 0);
    return locked;
  });
  return { values };
}

/** What stands under a lock that is held, or about to be. */
function readLocked(
  facts: TxnKeyFacts,
  { reader }: RegionView,
  request: PessimisticLockRequest,
): LockedValue {
  const write = facts.newest?.write;
  const value = write?.kind === 'put' ? readValue(reader, facts.key, write) : undefined;
  const conflictTs = request.forceLock ? conflictSeen(facts, request) : TS_ZERO;
  return { value, commitTs: write?.commitTs ?? TS_ZERO, conflictTs };
}

function failed(error: KeyError): PessimisticLockAnswer {
  return { error, values: [] };
}

function deadlock(cycle: readonly WaitForEdge[]): KeyError {
  const { waitForTxn: lockTs, key } = cycle[0]!;
  return { type: 'deadlock', lockTs, key, waitChain: cycle };
}
