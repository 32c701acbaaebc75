import { type Env, equalBytes, err, errorMessage, ok, physicalMs, TS_ZERO } from '@tinykv/base';
import type { KeyError, LockInfo, RegionView, WaitForEdge } from '@tinykv/model';
import { type Answer, keyTooLong, type LatchedCommands } from './latched-commands.js';
import type { BegunWait, LockWaits } from './lock-waits.js';
import { abortError, distinctKeys } from './mvcc/decision.js';
import { readValue, type TxnKeyFacts } from './mvcc/key-view.js';
import { lockPessimistically, unlockPessimistic } from './mvcc/pessimistic.js';
import type { OnePhaseGate } from './one-phase-gate.js';
import { belowSafePoint, isKeyTooLong } from './region-read.js';
import type {
  LockedValue,
  PessimisticLockAnswer,
  PessimisticLockRequest,
  PessimisticRollbackRequest,
  TxnContext,
} from './requests.js';

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

/** Locks that are taken before a transaction writes. */
export class PessimisticCommands {
  readonly #env: Env;
  readonly #commands: LatchedCommands;
  readonly #waits: LockWaits;
  readonly #gate: OnePhaseGate | undefined;

  constructor({ env, commands, waits, gate }: PessimisticParts) {
    this.#env = env;
    this.#commands = commands;
    this.#waits = waits;
    this.#gate = gate;
  }

  /** Locks all keys, or none. While another transaction has one of them, it waits. */
  async lock(context: TxnContext, request: PessimisticLockRequest): Answer<PessimisticLockAnswer> {
    const keys = distinctKeys(request.keys);
    const tooLong = [...keys, request.primary].find(isKeyTooLong);
    if (tooLong !== undefined) return ok(failed(keyTooLong(tooLong)));
    // To lock is to read: nothing may be committed below what was seen.
    if ((await this.#gate?.admit(request.forUpdateTs, keys)) === false) {
      const message = `timestamp ${request.forUpdateTs} is ahead of the cluster`;
      return err({ type: 'other', message });
    }
    const { clock } = this.#env;
    const { waitMs = Number.POSITIVE_INFINITY } = request;
    const until = clock.mono() + Math.min(waitMs, WAIT_MOST_MS);
    for (let wokenFor: Uint8Array | undefined; ; ) {
      const attempt = await this.#tryInTurn(context, { ...request, keys }, until, wokenFor);
      if (!attempt.ok) return attempt;
      if (attempt.value.type === 'done') return ok(attempt.value.answer);
      const { key, ended } = attempt.value.wait;
      const end = await ended;
      switch (end.type) {
        case 'released':
          wokenFor = key;
          break;
        case 'timeout':
          wokenFor = undefined;
          break;
        case 'deadlock':
          return ok(failed(deadlock(end.cycle)));
        case 'cancelled':
          return ok(failed(abortError(`transaction ${request.startTs} has given up`, key)));
        case 'refused':
          return err(end.error);
      }
    }
  }

  /** Gives back locks that the transaction does not need. */
  async rollback(context: TxnContext, request: PessimisticRollbackRequest): Answer<void> {
    const { startTs, forUpdateTs } = request;
    const keys = distinctKeys(request.keys).filter((key) => !isKeyTooLong(key));
    this.#waits.cancel(keys, startTs);
    return this.#commands.onTxnKeys(context, keys, startTs, (facts) =>
      unlockPessimistic(facts, startTs, forUpdateTs),
    );
  }

  /** Who was woken and leaves the key free owes the next in line its turn. */
  async #tryInTurn(
    context: TxnContext,
    request: PessimisticLockRequest,
    until: number,
    wokenFor: Uint8Array | undefined,
  ): Answer<Attempt> {
    let isFree = true;
    try {
      const attempt = await this.#try(context, request, until);
      if (attempt.ok && wokenFor !== undefined) isFree = leavesFree(attempt.value, wokenFor);
      return attempt;
    } finally {
      if (wokenFor !== undefined && isFree) this.#waits.passOn(wokenFor);
    }
  }

  #try(context: TxnContext, request: PessimisticLockRequest, until: number): Answer<Attempt> {
    if (!request.pipelined) return this.#decide(context, request, until, () => undefined);
    return new Promise((resolve, reject) => {
      const onLocking = (view: RegionView, attempt: Attempt): void => {
        void this.#leads(context, request, view).then((leads) => {
          if (leads) resolve(ok(attempt));
        });
      };
      this.#decide(context, request, until, onLocking).then(resolve, (error: unknown) => {
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
    until: number,
    onLocking: (view: RegionView, attempt: Attempt) => void,
  ): Answer<Attempt> {
    const { keys, startTs, returnValues } = request;
    let begun: BegunWait | undefined;
    const settled = await this.#commands.onTxnKeys<Attempt>(
      context,
      keys,
      startTs,
      (facts, view) => {
        const tooOld = belowSafePoint(view, startTs);
        if (tooOld !== undefined) {
          return { modifies: [], answer: { type: 'done', answer: failed(tooOld) } };
        }
        const { modifies, answer: error } = lockPessimistically(facts, request);
        if (error === undefined) {
          const values = returnValues ? facts.map((fact) => readLocked(fact, view)) : [];
          const attempt: Attempt = { type: 'done', answer: { values } };
          onLocking(view, attempt);
          return { modifies, answer: attempt };
        }
        // The wait begins under the latches, or the lock could go unnoticed.
        if (error.type === 'locked') begun = this.#wait(context, request, view, error.lock, until);
        const answer: Attempt =
          begun === undefined
            ? { type: 'done', answer: failed(this.#reason(error, request, until)) }
            : { type: 'waits', wait: begun };
        return { modifies, answer };
      },
    );
    if (!settled.ok) begun?.abandon();
    return settled;
  }

  /** A client that waits so long and no longer is told when that is over, others who holds the lock. */
  #reason(error: KeyError, { waitMs }: PessimisticLockRequest, until: number): KeyError {
    const isBounded = waitMs !== undefined && waitMs > 0 && waitMs <= WAIT_MOST_MS;
    if (error.type !== 'locked' || !isBounded || this.#env.clock.mono() < until) return error;
    return { type: 'lock-wait-timeout', key: error.lock.key, lockTs: error.lock.startTs };
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
    { startTs }: PessimisticLockRequest,
    { term }: RegionView,
    lock: LockInfo,
    until: number,
  ): BegunWait | undefined {
    const { clock } = this.#env;
    // A lock that seems to have expired is for the client to look into.
    const aliveMs = physicalMs(lock.startTs) + lock.ttlMs - clock.wall();
    const mostMs = Math.min(until - clock.mono(), aliveMs);
    if (mostMs <= 0) return undefined;
    const { key, startTs: holderTs } = lock;
    return this.#waits.begin({ context, term, key, startTs, holderTs, mostMs });
  }
}

/** What stands under a lock that is held, or about to be. */
function readLocked({ key, newest }: TxnKeyFacts, { reader }: RegionView): LockedValue {
  const write = newest?.write;
  const value = write?.kind === 'put' ? readValue(reader, key, write) : undefined;
  return { value, commitTs: write?.commitTs ?? TS_ZERO };
}

function failed(error: KeyError): PessimisticLockAnswer {
  return { error, values: [] };
}

function deadlock(cycle: readonly WaitForEdge[]): KeyError {
  const { waitForTxn: lockTs, key } = cycle[0]!;
  return { type: 'deadlock', lockTs, key, waitChain: cycle };
}

/** Whether nobody has the key after a try of a request that was woken for it. */
function leavesFree(attempt: Attempt, key: Uint8Array): boolean {
  if (attempt.type === 'waits') return !equalBytes(attempt.wait.key, key);
  const { error } = attempt.answer;
  if (error === undefined) return false;
  return error.type !== 'locked' || !equalBytes(error.lock.key, key);
}
