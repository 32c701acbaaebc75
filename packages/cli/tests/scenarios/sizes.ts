import type { FuzzOptions } from '../fuzz/fuzz-ports.js';
import type { BadInputOptions } from './bad-input.js';
import type { BankOptions } from './bank.js';
import type { CountOptions } from './counts.js';
import type { FailoverOptions } from './failover.js';
import type { ListOptions } from './lists.js';
import type { LonelyOptions } from './lonely-counts.js';
import type { ScaleOptions } from './scale.js';
import type { SchedulerAwayOptions } from './scheduler-away.js';
import type { WithoutSchedulerOptions } from './without-scheduler.js';

/** Sizes of the scenarios: small for `make test`, full for `make test-long` and the demos. */

export const isLong: boolean = process.env['TINYKV_LONG'] === '1';

export function failoverSizes(full: boolean): Omit<FailoverOptions, 'print'> {
  return { rounds: full ? 10 : 1, writers: 16, portBase: 21_000 };
}

export function withoutSchedulerSizes(full: boolean): Omit<WithoutSchedulerOptions, 'print'> {
  return { rounds: full ? 30 : 2, portBase: 29_000 };
}

export function schedulerAwaySizes(full: boolean): Omit<SchedulerAwayOptions, 'print'> {
  return { seconds: full ? 60 : 8, portBase: 27_000 };
}

export function bankSizes(full: boolean): Omit<BankOptions, 'print'> {
  return {
    seconds: full ? 60 : 8,
    clients: 8,
    accounts: 100,
    killEveryMs: full ? 5_000 : 3_000,
    portBase: 22_000,
  };
}

export function listSizes(full: boolean): Omit<ListOptions, 'print'> {
  return {
    seconds: full ? 60 : 6,
    windowSeconds: full ? 10 : 3,
    clients: 8,
    lists: 12,
    killEveryMs: full ? 5_000 : 2_000,
    portBase: 25_000,
  };
}

export function scaleSizes(full: boolean): Omit<ScaleOptions, 'print'> {
  return {
    keys: full ? 200_000 : 20_000,
    valueBytes: 256,
    regionMaxSize: full ? '512KB' : '256KB',
    regionSplitSize: full ? '256KB' : '128KB',
    regionsMin: full ? 120 : 20,
    unevenMax: full ? 0.15 : 0.25,
    balanceTimeoutMs: full ? 300_000 : 60_000,
    portBase: 23_000,
  };
}

export function badInputSizes(full: boolean): Omit<BadInputOptions, 'print'> {
  // In full 10,000 at each of the ten ports of a cluster.
  return { strings: full ? 200_000 : 2_000, portBase: 26_000 };
}

export function countSizes(full: boolean): Omit<CountOptions, 'print'> {
  return {
    puts: full ? 100_000 : 5_000,
    inFlight: 256,
    valueBytes: 256,
    trace: full,
    portBase: 28_000,
  };
}

export function lonelySizes(full: boolean): Omit<LonelyOptions, 'print'> {
  return {
    operations: full ? 1_000 : 200,
    valueBytes: 256,
    idleMs: full ? 5_000 : 1_000,
    trace: full,
    portBase: 31_200,
  };
}

/** `FUZZ_SEED` gives other inputs, `FUZZ_ONLY` those of some methods alone. */
export function fuzzSizes(full: boolean): Omit<FuzzOptions, 'print'> {
  const { FUZZ_SEED: seed = '1', FUZZ_ONLY: only, FUZZ_SIZE: size } = process.env;
  const perMethod = Number(size ?? (full ? 10_000 : 40));
  return {
    seed: Number(seed),
    perMethod,
    portBase: 30_100,
    ...(only === undefined ? {} : { only }),
  };
}
