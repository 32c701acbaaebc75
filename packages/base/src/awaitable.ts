/** A value that is there already as a rule; only where it is not does waiting for it cost a promise. */
export type Awaitable<T> = T | Promise<T>;

/** Goes on at once where the value is there. */
export function whenReady<T, U>(
  value: Awaitable<T>,
  next: (value: T) => Awaitable<U>,
): Awaitable<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}
