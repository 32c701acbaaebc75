import { KvError } from '@tinykv/base';

/** What is used of an AbortSignal: any will do. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** Aborted as soon as one of two is. */
class EitherSignal implements AbortSignalLike {
  readonly #both: readonly [AbortSignalLike, AbortSignalLike];

  constructor(...both: [AbortSignalLike, AbortSignalLike]) {
    this.#both = both;
  }

  get aborted(): boolean {
    return this.#both.some((signal) => signal.aborted);
  }

  get reason(): unknown {
    return this.#both.find((signal) => signal.aborted)?.reason;
  }

  addEventListener(type: 'abort', listener: () => void): void {
    for (const signal of this.#both) signal.addEventListener(type, listener);
  }

  removeEventListener(type: 'abort', listener: () => void): void {
    for (const signal of this.#both) signal.removeEventListener(type, listener);
  }
}

export function eitherSignal(
  a: AbortSignalLike | undefined,
  b: AbortSignalLike | undefined,
): AbortSignalLike | undefined {
  if (a === undefined || b === undefined || a === b) return a ?? b;
  return new EitherSignal(a, b);
}

export function cancelled(signal: AbortSignalLike): KvError {
  return new KvError('CANCELLED', 'the call was aborted', { cause: signal.reason });
}

/** Throws KvError CANCELLED for a call that is aborted before it begins. */
export function checkAborted(signal: AbortSignalLike | undefined): void {
  if (signal?.aborted) throw cancelled(signal);
}

/** Rejects with `failure`, KvError CANCELLED by default, once the signal is aborted; `work` goes on unheeded. */
export function orAborted<T>(
  signal: AbortSignalLike | undefined,
  work: Promise<T>,
  failure: (signal: AbortSignalLike) => KvError = cancelled,
): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(failure(signal));
    signal.addEventListener('abort', onAbort);
    work.finally(() => signal.removeEventListener('abort', onAbort)).then(resolve, reject);
  });
}
