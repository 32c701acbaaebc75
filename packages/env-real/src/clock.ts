import type { Clock, Timer } from '@tinykv/base';

/** What setTimeout can wait at most: 2^31-1 milliseconds, some 24 days. */
const TIMEOUT_MS_MAX = 2_147_483_647;

export class RealClock implements Clock {
  mono(): number {
    return performance.now();
  }

  wall(): number {
    return Date.now();
  }

  after(ms: number, fn: () => void): Timer {
    const timeout = setTimeout(fn, Math.min(Math.max(ms, 0), TIMEOUT_MS_MAX));
    return { cancel: (): void => clearTimeout(timeout) };
  }

  defer(fn: () => void): void {
    setImmediate(fn);
  }
}
