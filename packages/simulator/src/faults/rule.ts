import type { Arena } from './arena.js';
import type { Strike } from './strike.js';

/** One kind of fault: how often it is drawn, for how long it lasts, and what it does. */
export interface FaultRule {
  readonly kind: string;
  readonly weight: number;
  readonly lastsMs: readonly [number, number];
  /** Carries the fault out and sees to its end. False when there was nothing to do it to. */
  begin(arena: Arena, strike: Strike): boolean;
}
