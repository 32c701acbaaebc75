import { InvariantError } from '@tinykv/base';

/**
 * Closes the real doors for the time of a simulation: whatever reaches for the real clock, timers or
 * randomness throws, and so fails the run instead of making it differ from its replay.
 */
export function closeDoors(): () => void {
  const reopen = [
    replace(globalThis, 'setTimeout'),
    replace(globalThis, 'setInterval'),
    replace(globalThis, 'setImmediate'),
    replace(globalThis, 'fetch'),
    replace(Math, 'random'),
    replace(Date, 'now'),
    replace(performance, 'now'),
    replace(process, 'hrtime'),
    replace(process, 'nextTick'),
    replaceDate(),
  ];
  return () => {
    for (const open of reopen) open();
  };
}

function closed(name: string): () => never {
  return () => {
    throw new InvariantError(`${name} is closed in a simulation`);
  };
}

function replace<T extends object>(owner: T, name: keyof T & string): () => void {
  const before = Object.getOwnPropertyDescriptor(owner, name);
  const original: unknown = owner[name];
  Object.defineProperty(owner, name, { value: closed(name), configurable: true, writable: true });
  return () => {
    if (before !== undefined) Object.defineProperty(owner, name, before);
    else Object.defineProperty(owner, name, { value: original, configurable: true });
  };
}

/** `new Date()` reads the clock; `new Date(1)` and the rest do not. */
function replaceDate(): () => void {
  const RealDate = globalThis.Date;
  class ClosedDate extends RealDate {
    constructor(...args: readonly [] | readonly [number]) {
      if (args.length === 0) closed('new Date()')();
      super(args[0] ?? 0);
    }
  }
  globalThis.Date = ClosedDate as DateConstructor;
  return () => {
    globalThis.Date = RealDate;
  };
}
