import type { Clock, Env, Logger, Metrics } from '@tinykv/base';
import { Prng } from '@tinykv/base';
import { fakeEnv } from '@tinykv/base/testing';

const silent: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: (message, fields) => process.stderr.write(`${message} ${JSON.stringify(fields)}\n`),
  child: () => silent,
};

const clock: Clock = {
  mono: () => performance.now(),
  wall: () => Date.now(),
  after: (ms, fn) => {
    const timer = setTimeout(fn, ms);
    return { cancel: () => clearTimeout(timer) };
  },
  defer: (fn) => void setImmediate(fn),
};

const metrics: Metrics = {
  counter: () => ({ add: () => {} }),
  gauge: () => ({ set: () => {} }),
  histogram: () => ({ observe: () => {} }),
};

/** Real time over nothing else: for tests that speak to real clients. */
export function realTimeEnv(seed: string | number = 1): Env {
  return { ...fakeEnv(), clock, rng: new Prng(seed), logger: silent, metrics };
}
