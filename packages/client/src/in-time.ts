import { type Clock, KvError } from '@tinykv/base';
import { clientClosed, type WorkScope } from './lifetime.js';

/**
 * Rejects with KvError DEADLINE_EXCEEDED when `work` takes longer, and with CANCELLED when the scope ends; it goes on
 * unheeded then.
 */
export function inTime<T>(
  clock: Clock,
  scope: WorkScope,
  work: Promise<T>,
  ms: number,
  what: string,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer =
      ms === Number.POSITIVE_INFINITY
        ? undefined
        : clock.after(ms, () => {
            forget();
            reject(new KvError('DEADLINE_EXCEEDED', `${what} took over ${Math.ceil(ms)} ms`));
          });
    const forget = scope.onEnd(() => {
      timer?.cancel();
      reject(clientClosed());
    });
    const settle = (): void => {
      forget();
      timer?.cancel();
    };
    work.then(
      (value) => {
        settle();
        resolve(value);
      },
      (error: unknown) => {
        settle();
        reject(error);
      },
    );
  });
}
