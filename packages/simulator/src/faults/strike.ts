/** How hard a fault strikes and what: all of it drawn before the run begins. */
export interface Strike {
  /** Simulated milliseconds since the beginning. */
  readonly at: number;
  readonly lastsMs: number;
  /** Which node, link or Region, modulo how many there are. */
  readonly target: number;
  /** Whatever else the kind needs: a number in [0, 1). */
  readonly amount: number;
}
