import type { Rng } from '@tinykv/base';
import type { Fault } from '../faults/fault.js';

/** From this on a partition counts as one of minutes. */
export const MINUTE_MS = 60_000;
/** Clients ask so seldom that minutes cost little more than the ticks of idle stores. */
const THINK_MS = 5_000;

const kinds = [
  'isolate-store',
  'isolate-from-stores',
  'isolate-one-way',
  'isolate-scheduler',
  'partition-halves',
];

/** The part of a plan that changes. */
interface Timed {
  readonly durationMs: number;
  readonly thinkMs: number;
  readonly faults: readonly Fault[];
}

/** The plan with partitions of minutes behind its other faults, and few operations in each of them. */
export function overMinutes<P extends Timed>(plan: P, rng: Rng): P {
  const partitions: Fault[] = [];
  let at = plan.durationMs;
  for (let left = rng.int(1, 3); left > 0; left--) {
    const lastsMs = rng.int(MINUTE_MS, 3 * MINUTE_MS);
    const kind = kinds[rng.int(0, kinds.length)]!;
    partitions.push({ kind, at, lastsMs, target: rng.int(0, 1_000_000), amount: rng.float() });
    // In some plans the end of the faults finds the partition as it is.
    at += lastsMs + rng.int(-10_000, 10_000);
  }
  return { ...plan, durationMs: at, thinkMs: THINK_MS, faults: [...plan.faults, ...partitions] };
}
