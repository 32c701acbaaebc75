import { type Clock, errorMessage, KvError, type RegionId } from '@tinykv/base';
import type { AbortSignalLike } from './abort.js';
import type { Backoff } from './backoff.js';
import {
  RegionUnavailableError,
  RequestError,
  SchedulerError,
  UndeterminedError,
} from './errors.js';
import { inTime } from './in-time.js';
import { clientClosed, type WorkScope } from './lifetime.js';

/**
 * What sending a request again would do.
 * - `repeatable`: nothing, and nobody draws conclusions from its outcome alone (reads, prewrites).
 * - `decisive`: nothing, but its outcome matters: not knowing it is {@link UndeterminedError} (commits).
 * - `once`: it could undo what another client did since, so it is never sent again once it may have
 *   been carried out.
 */
export type Effect = 'repeatable' | 'decisive' | 'once';

/** One operation over all its attempts. */
export class Operation {
  readonly effect: Effect;
  readonly backoff: Backoff;
  /** An attempt was sent and its outcome is not known. */
  maybeApplied = false;

  constructor(effect: Effect, backoff: Backoff) {
    this.effect = effect;
    this.backoff = backoff;
  }

  get signal(): AbortSignalLike | undefined {
    return this.backoff.signal;
  }

  /** The part of the client's work that it belongs to. */
  get scope(): WorkScope {
    return this.backoff.scope;
  }

  /** For a part of its keys. */
  fork(): Operation {
    const part = new Operation(this.effect, this.backoff.fork());
    part.maybeApplied = this.maybeApplied;
    return part;
  }
}

/**
 * Waits for the scheduler to answer, which may be down: no longer than the operation has time, nor than
 * `mostMs`, after which it has other ways to go on. Throws KvError DEADLINE_EXCEEDED, and CANCELLED as its scope ends.
 */
export function answerInTime<T>(
  clock: Clock,
  { backoff }: Operation,
  answer: Promise<T>,
  mostMs: number = Number.POSITIVE_INFINITY,
): Promise<T> {
  const ms = Math.min(mostMs, Math.max(0, backoff.remainingMs()));
  return inTime(clock, backoff.scope, answer, ms, 'the scheduler');
}

export function isTooMuch(error: unknown): error is RequestError {
  return error instanceof RequestError && error.code === 'RESOURCE_EXHAUSTED';
}

/** True for a failure to reach someone, or a scheduler that is not ready; false for a "no". */
export function isPassing(error: unknown): error is KvError {
  if (error instanceof RequestError) return error.outcome !== 'refused' || isTooMuch(error);
  if (!(error instanceof KvError)) return false;
  if (error instanceof SchedulerError) return true;
  return ['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'UNKNOWN'].includes(error.code);
}

/**
 * The error to throw for an operation that ends with `error`, in view of its earlier attempts. With its scope it ends by the
 * client's closing, whatever that looks like from here.
 */
export function conclude(operation: Operation, error: unknown): unknown {
  const { effect, scope } = operation;
  if (error instanceof UndeterminedError) return error;
  if (scope.isOver && error instanceof RequestError && error.outcome === 'unknown') {
    operation.maybeApplied = true;
  }
  const why = scope.isOver ? clientClosed() : error;
  return effect !== 'repeatable' && operation.maybeApplied ? undetermined(why) : why;
}

export function exhausted(operation: Operation, regionId: RegionId, cause: unknown): unknown {
  const where = regionId === 0 ? 'no region' : `region ${regionId} did not serve the request`;
  const text = `${where} before the deadline: ${errorMessage(cause)}`;
  return conclude(operation, new RegionUnavailableError(regionId, text, { cause }));
}

export function undetermined(cause: unknown): UndeterminedError {
  return new UndeterminedError(
    `the write may or may not have been carried out: ${errorMessage(cause)}`,
    { cause },
  );
}
