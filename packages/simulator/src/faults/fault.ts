import type { Rng } from '@tinykv/base';
import type { NetworkTraits } from '../world/network.js';
import { faultRules } from './rules.js';
import type { Strike } from './strike.js';

/** One fault, drawn before the run begins. */
export interface Fault extends Strike {
  /** The name of its rule. */
  readonly kind: string;
}

export type Profile = 'light' | 'dense' | 'swarm';

/** The share of the kinds of faults that a swarm seed knows. */
const SHARE_MIN = 0.08;
const SHARE_MAX = 0.7;

/** Faults of one run between `fromMs` and `toMs`, in order of time. */
export function drawFaults(rng: Rng, profile: Profile, fromMs: number, toMs: number): Fault[] {
  // Few kinds of faults in some seeds, which come often then, and many in others, which meet each other.
  const share = profile === 'swarm' ? SHARE_MIN + rng.float() * (SHARE_MAX - SHARE_MIN) : 1;
  const enabled = faultRules.filter(() => rng.float() < share);
  if (enabled.length === 0) return [];
  const perMinute = profile === 'dense' ? 40 : rng.int(12, 90);
  const count = Math.max(4, Math.round((perMinute * (toMs - fromMs)) / 60_000));
  const total = enabled.reduce((sum, { weight }) => sum + weight, 0);
  const faults: Fault[] = [];
  for (let i = 0; i < count; i++) {
    let left = rng.float() * total;
    const rule = enabled.find(({ weight }) => {
      left -= weight;
      return left < 0;
    });
    const { kind, lastsMs } = rule ?? enabled[0]!;
    const [low, high] = lastsMs;
    faults.push({
      kind,
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
    echoRate: rate(0.5, 0.3),
  };
}
