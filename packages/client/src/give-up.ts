import { type Clock, KvError } from '@tinykv/base';
import { type AbortSignalLike, cancelled } from './abort.js';
import { undetermined } from './operation.js';

/** What a commit lets its caller do while it runs. */
export interface Abandonable {
  /** True: it will certainly not commit any more. False: it may have, or still do so. */
  giveUp(): boolean;
}

export interface Patience {
  readonly signal: AbortSignalLike | undefined;
  /** Monotonic milliseconds. Infinite: for as long as it takes. */
  readonly deadline: number;
}

/**
 * The outcome of a commit, for as long as its caller is ready to wait. After that it is rejected with KvError
 * CANCELLED or DEADLINE_EXCEEDED when it certainly did nothing, with {@link UndeterminedError} when it was being
 * decided; it goes on to its end by itself.
 */
export function withPatience<T>(
  clock: Clock,
  commit: Abandonable,
  outcome: Promise<T>,
  { signal, deadline }: Patience,
): Promise<T> {
  if (signal === undefined && deadline === Number.POSITIVE_INFINITY) return outcome;
  return new Promise((resolve, reject) => {
    const giveUp = (why: KvError): void => reject(commit.giveUp() ? why : undetermined(why));
    const onAbort = (): void => giveUp(cancelled(signal!));
    signal?.addEventListener('abort', onAbort);
    const timer =
      deadline === Number.POSITIVE_INFINITY
        ? undefined
        : clock.after(Math.max(0, deadline - clock.mono()), () =>
            giveUp(new KvError('DEADLINE_EXCEEDED', 'the commit took too long')),
          );
    outcome
      .finally(() => {
        signal?.removeEventListener('abort', onAbort);
        timer?.cancel();
      })
      .then(resolve, reject);
  });
}
