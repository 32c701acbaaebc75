import type { Interval } from './linearizability.js';

/** Increments of one counter by one, and reads of it. */
export interface CounterHistory {
  /** `value` is the reply; missing when it is unknown. */
  readonly increments: (Interval & { readonly value?: number })[];
  readonly reads: (Interval & { readonly value: number })[];
}
