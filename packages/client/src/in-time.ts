import { type Clock, KvError } from '@tinykv/base';

/** Rejects with KvError DEADLINE_EXCEEDED when `work` takes longer; it goes on unheeded then. */
export function inTime<T>(clock: Clock, work: Promise<T>, ms: number, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = clock.after(ms, () =>
      reject(new KvError('DEADLINE_EXCEEDED', `${what} took over ${Math.ceil(ms)} ms`)),
    );
    work.then(
      (value) => {
        timer.cancel();
        resolve(value);
      },
      (error: unknown) => {
        timer.cancel();
        reject(error);
      },
    );
  });
}
