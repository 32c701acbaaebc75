import type { Rng } from '@tinykv/base';
import type { NetworkTraits } from '../world/network.js';

/** Everything that may go wrong, by kind. Each seed switches whole kinds off, so that the rest gets depth. */
export const faultKinds = [
  'crash-store',
  'crash-all',
  'crash-scheduler',
  'crash-gateway',
  'crash-client',
  'stall-scheduler',
  'freeze-store',
  'freeze-isolated',
  'freeze-then-cut',
  'freeze-scheduler',
  'freeze-client',
  'isolate-store',
  'isolate-from-stores',
  'isolate-one-way',
  'isolate-scheduler',
  'partition-halves',
  'clog-link',
  'reset-connections',
  'disk-stall',
  'disk-slow',
  'disk-sync-error',
  'disk-full',
  'disk-read-error',
  'bit-rot',
  'wipe-store',
  'clock-drift',
  'wall-jump',
  'fatal-points',
  'damage-snapshot',
  'transfer-leader',
  'move-peer',
  'split-region',
  'add-store',
  'drain-store',
] as const;

export type FaultKind = (typeof faultKinds)[number];

/** One fault, drawn before the run begins. */
export interface Fault {
  readonly kind: FaultKind;
  /** Simulated milliseconds since the beginning. */
  readonly at: number;
  readonly lastsMs: number;
  /** Which node, link or Region, modulo how many there are. */
  readonly target: number;
  /** Whatever else the kind needs: a number in [0, 1). */
  readonly amount: number;
}

interface Bounds {
  readonly weight: number;
  readonly lastsMs: readonly [number, number];
}

const bounds: Readonly<Record<FaultKind, Bounds>> = {
  'crash-store': { weight: 4, lastsMs: [50, 6_000] },
  'crash-all': { weight: 1, lastsMs: [50, 2_000] },
  'crash-scheduler': { weight: 2, lastsMs: [50, 3_000] },
  'crash-gateway': { weight: 2, lastsMs: [50, 1_000] },
  'crash-client': { weight: 2, lastsMs: [50, 3_000] },
  'stall-scheduler': { weight: 1, lastsMs: [300, 3_000] },
  'freeze-store': { weight: 3, lastsMs: [200, 5_000] },
  'freeze-isolated': { weight: 2, lastsMs: [1_500, 6_000] },
  'freeze-then-cut': { weight: 2, lastsMs: [1_500, 5_000] },
  'freeze-scheduler': { weight: 1, lastsMs: [200, 5_000] },
  'freeze-client': { weight: 1, lastsMs: [200, 8_000] },
  'isolate-store': { weight: 2, lastsMs: [300, 6_000] },
  'isolate-from-stores': { weight: 2, lastsMs: [800, 6_000] },
  'isolate-one-way': { weight: 2, lastsMs: [300, 6_000] },
  'isolate-scheduler': { weight: 1, lastsMs: [300, 4_000] },
  'partition-halves': { weight: 1, lastsMs: [300, 5_000] },
  'clog-link': { weight: 2, lastsMs: [100, 3_000] },
  'reset-connections': { weight: 2, lastsMs: [0, 1] },
  'disk-stall': { weight: 2, lastsMs: [100, 3_000] },
  'disk-slow': { weight: 1, lastsMs: [500, 5_000] },
  'disk-sync-error': { weight: 1, lastsMs: [100, 1_000] },
  'disk-full': { weight: 1, lastsMs: [200, 3_000] },
  'disk-read-error': { weight: 1, lastsMs: [10, 500] },
  'bit-rot': { weight: 1, lastsMs: [0, 1] },
  'wipe-store': { weight: 1, lastsMs: [100, 3_000] },
  'clock-drift': { weight: 1, lastsMs: [2_000, 10_000] },
  'wall-jump': { weight: 1, lastsMs: [0, 1] },
  'fatal-points': { weight: 2, lastsMs: [500, 4_000] },
  'damage-snapshot': { weight: 1, lastsMs: [50, 1_000] },
  'transfer-leader': { weight: 3, lastsMs: [0, 1] },
  'move-peer': { weight: 3, lastsMs: [0, 1] },
  'split-region': { weight: 2, lastsMs: [0, 1] },
  'add-store': { weight: 1, lastsMs: [0, 1] },
  'drain-store': { weight: 1, lastsMs: [0, 1] },
};

export type Profile = 'light' | 'dense' | 'swarm';

/** Faults of one run between `fromMs` and `toMs`, in order of time. */
export function drawFaults(rng: Rng, profile: Profile, fromMs: number, toMs: number): Fault[] {
  const enabled = faultKinds.filter(() => profile !== 'swarm' || rng.float() < 0.6);
  if (enabled.length === 0) return [];
  const perMinute = profile === 'dense' ? 40 : rng.int(12, 60);
  const count = Math.max(4, Math.round((perMinute * (toMs - fromMs)) / 60_000));
  const total = enabled.reduce((sum, kind) => sum + bounds[kind].weight, 0);
  const faults: Fault[] = [];
  for (let i = 0; i < count; i++) {
    let left = rng.float() * total;
    const kind = enabled.find((one) => {
      left -= bounds[one].weight;
      return left < 0;
    });
    const [low, high] = bounds[kind ?? 'crash-store'].lastsMs;
    faults.push({
      kind: kind ?? 'crash-store',
      at: fromMs + rng.float() * (toMs - fromMs),
      lastsMs: low + rng.float() * rng.float() * (high - low),
      target: rng.int(0, 1_000_000),
      amount: rng.float(),
    });
  }
  return faults.sort((a, b) => a.at - b.at);
}

/** How the network treats messages in one run. */
export function drawNetwork(rng: Rng, profile: Profile): NetworkTraits {
  const rate = (chance: number, max: number): number =>
    profile === 'swarm' && rng.float() < chance ? rng.float() * rng.float() * max : 0;
  return {
    delayMinMs: 0.1 + rng.float() * 0.5,
    delayMeanMs: profile === 'swarm' ? 0.3 + rng.float() * rng.float() * 20 : 1,
    lossRate: rate(0.5, 0.2),
    duplicateRate: rate(0.5, 0.3),
    reorderRate: rate(0.5, 0.3),
  };
}
