import { KvError } from '@tinykv/base';
import { type AbortSignalLike, checkAborted, eitherSignal, orAborted } from './abort.js';
import { checkCount } from './check-count.js';
import type { Patience } from './give-up.js';
import type { Effect, Operation } from './operation.js';
import type { Router } from './router.js';

/** What ends a call early. */
export interface CallOptions {
  /**
   * Milliseconds for the call, retries and waiting for locks included; default 10,000, but none for commits. It holds
   * for the caller: a commit that is given up goes on until it has cleaned up.
   */
  readonly timeoutMs?: number | undefined;
  /** Ends the call with KvError CANCELLED; a write that may have been sent, with {@link UndeterminedError}. */
  readonly signal?: AbortSignalLike | undefined;
}

/** Default time-out of calls, but not of commits, in milliseconds. */
export const DEFAULT_TIMEOUT_MS = 10_000;
const NO_OPTIONS: CallOptions = {};

/** What ends the calls of one transaction or snapshot early: its own options, and those of each call. */
export class CallLimits {
  /** Of all calls. */
  readonly signal: AbortSignalLike | undefined;
  readonly #router: Router;
  /** Undefined: calls have the default, and commits take as long as they take. */
  readonly #timeoutMs: number | undefined;
  /** Monotonic milliseconds; infinite: none. */
  readonly #deadline: number;

  constructor(router: Router, options: CallOptions, deadline: number = Number.POSITIVE_INFINITY) {
    checkCount(options.timeoutMs, 'timeoutMs');
    this.#router = router;
    this.signal = router.life.signals.share(options.signal);
    this.#timeoutMs = options.timeoutMs;
    this.#deadline = deadline;
  }

  /** Throws KvError CANCELLED or DEADLINE_EXCEEDED when it is too late to begin. */
  begin(effect: Effect, options: CallOptions = NO_OPTIONS): Operation {
    const { timeoutMs = this.#timeoutMs ?? DEFAULT_TIMEOUT_MS } = options;
    checkCount(options.timeoutMs, 'timeoutMs');
    const signal = this.#signal(options);
    checkAborted(signal);
    return this.#router.beginCall(effect, Math.min(timeoutMs, this.remainingMs()), signal);
  }

  /** A read within the limits. Costs no promise of its own when there is no signal. */
  read<T>(
    options: CallOptions | undefined,
    work: (operation: Operation) => Promise<T>,
  ): Promise<T> {
    let operation: Operation;
    try {
      operation = this.begin('repeatable', options);
    } catch (error) {
      return Promise.reject(error);
    }
    return orAborted(operation.signal, work(operation));
  }

  /**
   * How long to wait for a commit: the time-out that it or the transaction was given, for there is none by default,
   * and the deadline. Throws as {@link begin} does.
   */
  patience(options: CallOptions): Patience {
    checkCount(options.timeoutMs, 'timeoutMs');
    const signal = this.#signal(options);
    this.#router.life.calls.check();
    checkAborted(signal);
    const { timeoutMs = this.#timeoutMs ?? Number.POSITIVE_INFINITY } = options;
    return { signal, deadline: this.#router.now() + Math.min(timeoutMs, this.remainingMs()) };
  }

  #signal(options: CallOptions): AbortSignalLike | undefined {
    return eitherSignal(this.#router.life.signals.share(options.signal), this.signal);
  }

  /** Milliseconds until the deadline. Throws KvError DEADLINE_EXCEEDED when it has passed. */
  remainingMs(): number {
    if (this.#deadline === Number.POSITIVE_INFINITY) return this.#deadline;
    const ms = this.#deadline - this.#router.now();
    if (ms > 0) return ms;
    throw new KvError('DEADLINE_EXCEEDED', 'the time of the transaction is over');
  }
}
