import type { Violation } from '../checkers/history.js';
import type { Cluster } from '../cluster/cluster.js';

/** What is judged while a run goes on. */
export class Oracles {
  readonly violations: Violation[] = [];

  sample(_cluster: Cluster): void {}
}
