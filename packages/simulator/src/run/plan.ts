import { limits, Prng } from '@tinykv/base';
import type { Settings } from '../cluster/settings.js';
import type { ClusterShape } from '../cluster/sim-config.js';
import { drawFaults, drawNetwork, type Fault, type Profile } from '../faults/fault.js';
import type { StepRange } from '../workloads/workload.js';
import type { NetworkTraits } from '../world/network.js';
import { drawKnobs } from './knobs.js';
import { overMinutes } from './minutes.js';
import type { WorkloadName } from './workload-name.js';

export { type WorkloadName, workloadNames } from './workload-name.js';

/** Everything that a run is made of, drawn before it begins: what shrinking works on. */
export interface Plan {
  readonly seed: number;
  readonly profile: Profile;
  readonly workload: WorkloadName;
  /** The name of a mistake that is planted for this run. */
  readonly mutant?: string;
  /** Of simulated time with faults; healing comes after. */
  readonly durationMs: number;
  readonly shape: ClusterShape;
  readonly network: NetworkTraits;
  readonly faults: readonly Fault[];
  readonly thinkMs: number;
  readonly keys: number;
  /** Stores that stay away when all else is healed, until everybody has seen that the others do without them. */
  readonly absent?: number;
  /** The steps that each client takes, by their numbers; all, when it is not given. Shrinking leaves some out. */
  readonly steps?: readonly StepRange[];
  /** Above 1, the first keys are used more than the others. */
  readonly skew?: number;
}

export interface PlanOptions {
  readonly seed: number;
  readonly profile: Profile;
  readonly workload: WorkloadName;
  readonly mutant?: string;
}

/** Time for the cluster to come up before faults begin. */
const WARM_UP_MS = 3_000;
/** The share of seeds with partitions of minutes. */
const LONG_SHARE = 0.03;
/** Where clients never pause. */
const UNPAUSED_MS = 9_000;
/** Clients with pauses below this are busy, and their time is a share of that of others. */
const BUSY_THINK_MS = 10;
const BUSY_SHARE = 0.4;
const STORES_MIN = 3;
const STORES_MAX = 5;

/** Where no knob says otherwise. */
const KEYS = 6;
const defaults = {
  regionMaxBytes: 65_536,
  logGcEntries: 100,
  barrierIntervalMs: 500,
  diskDelayMs: 1,
  messageBytesMax: limits.raftMessageBytesMax,
  gcLifeMs: 0,
} as const;

const shapes: Readonly<
  Record<Profile, { readonly thinkMs: number; readonly clients: number; readonly tickMs: number }>
> = {
  light: { thinkMs: 400, clients: 4, tickMs: 100 },
  swarm: { thinkMs: 80, clients: 4, tickMs: 100 },
  dense: { thinkMs: 40, clients: 8, tickMs: 50 },
};

export function drawPlan({ seed, profile, workload, mutant }: PlanOptions): Plan {
  const rng = new Prng(`plan ${seed} ${profile} ${workload}`);
  const { thinkMs, clients, tickMs } = shapes[profile];
  const { shape, pace, settings } = drawKnobs(rng.fork('knobs'), { profile, workload });
  const usualMs = profile === 'light' ? 60_000 : rng.int(26_000, 54_000);
  const durationMs = durationOf(usualMs, pace.thinkMs ?? thinkMs, workload);
  const faults = drawFaults(rng.fork('faults'), profile, WARM_UP_MS, durationMs);
  const needed = settings.scheduler?.maxReplicas ?? STORES_MIN;
  const stores = profile === 'dense' ? STORES_MAX : rng.int(STORES_MIN, STORES_MAX + 1);
  const plan: Plan = {
    seed,
    profile,
    workload,
    ...(mutant === undefined ? {} : { mutant }),
    durationMs,
    shape: {
      ...defaults,
      stores: Math.max(needed, stores),
      gateways: workload === 'redis' || workload === 'all' ? 2 : 0,
      clients,
      mortals: 1,
      tickMs,
      ...shape,
      settings: withSplit(settings, shape.regionMaxBytes ?? defaults.regionMaxBytes),
    },
    network: drawNetwork(rng.fork('network'), profile),
    faults: [...faults, ...churnOf(workload, rng, durationMs)],
    thinkMs,
    keys: KEYS,
    ...pace,
    // The loops of all workloads work at once: together they do more than those of any other.
    ...(workload === 'all' ? { thinkMs: 2 * (pace.thinkMs ?? thinkMs) } : {}),
    absent: rng.fork('absent').int(0, 3),
  };
  const minutes = rng.fork('minutes');
  const isLong = profile === 'swarm' && minutes.float() < LONG_SHARE;
  return isLong ? overMinutes(plan, minutes) : plan;
}

/** Clients that hardly pause do as much in less time. Raw operations cost so little that they need not be few. */
function durationOf(usualMs: number, thinkMs: number, workload: WorkloadName): number {
  if (thinkMs === 0) return UNPAUSED_MS;
  const isBusy = thinkMs < BUSY_THINK_MS && workload !== 'raw';
  return isBusy ? Math.round(usualMs * BUSY_SHARE) : usualMs;
}

/** Pieces are no larger than what is split. */
function withSplit(settings: Settings, regionMaxBytes: number): Settings {
  const { regionSplitBytes } = settings.store ?? {};
  if (regionSplitBytes === undefined || regionSplitBytes <= regionMaxBytes) return settings;
  return { ...settings, store: { ...settings.store, regionSplitBytes: regionMaxBytes } };
}

/** On top of what else is drawn: always with the workload that is named after it, and leaders move in half of the others. */
function churnOf(workload: WorkloadName, rng: Prng, durationMs: number): Fault[] {
  if (workload === 'churn') {
    return churn(rng, durationMs, ['move-peer', 'transfer-leader', 'split-region', 'move-peer']);
  }
  const moves = rng.fork('leaders').float() < 0.5;
  return moves ? churn(rng, durationMs, ['transfer-leader']) : [];
}

function churn(rng: Prng, durationMs: number, kinds: readonly string[]): Fault[] {
  return Array.from({ length: Math.floor(durationMs / 1_500) }, () => ({
    kind: kinds[rng.int(0, kinds.length)]!,
    at: WARM_UP_MS + rng.float() * (durationMs - WARM_UP_MS),
    lastsMs: 0,
    target: rng.int(0, 1_000_000),
    amount: rng.float(),
  }));
}
