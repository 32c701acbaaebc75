import { assert } from '@tinykv/base';
import { clocks } from './kinds/clocks.js';
import { clogs } from './kinds/clogs.js';
import { crashes } from './kinds/crashes.js';
import { damage } from './kinds/damage.js';
import { disks } from './kinds/disks.js';
import { freezes } from './kinds/freezes.js';
import { loadedLeader } from './kinds/loaded-leader.js';
import { orders } from './kinds/orders.js';
import { partitions } from './kinds/partitions.js';
import { points } from './kinds/points.js';
import { stalls } from './kinds/stalls.js';
import { stops } from './kinds/stops.js';
import type { FaultRule } from './rule.js';

/** Everything that may go wrong. Each seed switches whole kinds off, so that the rest gets depth. */
export const faultRules: readonly FaultRule[] = [
  ...crashes,
  ...freezes,
  ...partitions,
  ...disks,
  ...damage,
  ...clocks,
  ...points,
  ...orders,
  ...stops,
  ...stalls,
  ...loadedLeader,
  ...clogs,
];

export function ruleOf(kind: string): FaultRule {
  const rule = faultRules.find((one) => one.kind === kind);
  assert(rule !== undefined, () => `no fault is called ${kind}`);
  return rule;
}
