/** A broken invariant: the program is wrong, not its input. Only the top of a loop may catch it, to log and exit. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Asserts an invariant that is relied on. Stays on in production; put the numbers into the message. */
export function assert(condition: unknown, message: string | (() => string)): asserts condition {
  if (!condition) {
    throw new InvariantError(typeof message === 'string' ? message : message());
  }
}

/** For the `default` of an exhaustive switch. */
export function assertNever(value: never, what = 'value'): never {
  throw new InvariantError(`unexpected ${what}: ${String(value)}`);
}
