import { limits, Prng, type Rng } from '@tinykv/base';
import type { ClusterShape } from '../cluster/sim-config.js';
import { drawFaults, drawNetwork, type Fault, type Profile } from '../faults/fault.js';
import type { NetworkTraits } from '../world/network.js';
import { overMinutes } from './minutes.js';

export const workloadNames = ['raw', 'txn', 'redis', 'churn', 'all'] as const;
export type WorkloadName = (typeof workloadNames)[number];

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
}

export interface PlanOptions {
  readonly seed: number;
  readonly profile: Profile;
  readonly workload: WorkloadName;
  readonly mutant?: string;
}

/** Time for the cluster to come up before faults begin. */
const WARM_UP_MS = 3_000;
/** Of seeds with partitions of minutes. */
const LONG_SHARE = 0.03;

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
  const durationMs = profile === 'light' ? 60_000 : rng.int(24_000, 50_000);
  const faults = drawFaults(rng.fork('faults'), profile, WARM_UP_MS, durationMs);
  const plan: Plan = {
    seed,
    profile,
    workload,
    ...(mutant === undefined ? {} : { mutant }),
    durationMs,
    shape: {
      stores: profile === 'dense' ? 5 : rng.int(3, 6),
      gateways: workload === 'redis' || workload === 'all' ? 2 : 0,
      clients,
      mortals: 1,
      regionMaxBytes: profile === 'light' ? 65_536 : rng.int(4_000, 40_000),
      tickMs,
      logGcEntries: rng.int(5, 200),
      barrierIntervalMs: rng.int(100, 2_000),
      diskDelayMs: 0.1 + rng.float() * 2,
      messageBytesMax: rng.float() < 0.5 ? rng.int(100, 2_000) : limits.raftMessageBytesMax,
      gcLifeMs: drawGcLife(rng.fork('gc')),
    },
    network: drawNetwork(rng.fork('network'), profile),
    faults: [...faults, ...churnOf(workload, rng, durationMs)],
    thinkMs: profile === 'swarm' ? drawThinkMs(rng.fork('think'), thinkMs) : thinkMs,
    keys: drawKeys(rng.fork('keys')),
    absent: rng.fork('absent').int(0, 3),
  };
  const minutes = rng.fork('minutes');
  const isLong = profile === 'swarm' && minutes.float() < LONG_SHARE;
  return isLong ? overMinutes(plan, minutes) : plan;
}

/** In most seeds shorter than some transactions take; in some nothing is collected at all. */
function drawGcLife(rng: Rng): number {
  const kind = rng.float();
  if (kind < 0.2) return 0;
  return kind < 0.5 ? rng.int(100, 800) : rng.int(800, 8_000);
}

/** Some seeds are busy, a few of them without a pause, and most are not: those are run in less time. */
function drawThinkMs(rng: Rng, thinkMs: number): number {
  if (rng.float() < 0.1) return 10 * rng.float();
  return thinkMs + rng.float() * rng.float() * 500;
}

/** In a few seeds so few that everybody works on the same ones. */
function drawKeys(rng: Rng): number {
  return rng.float() < 0.15 ? 2 : rng.int(3, 12);
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
