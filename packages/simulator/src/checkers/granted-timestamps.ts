import { Findings } from './findings.js';
import type { Violation } from './history.js';
import type { NewestVersion } from './version-order.js';

/**
 * Compares the commit timestamps that stores choose with what the scheduler has granted so far: at most the next
 * one. A version further in the future is missed by a snapshot that begins after its write was acknowledged.
 */
export class GrantedTimestamps {
  readonly #findings = new Findings('granted');
  #highest = 0n;
  /** How many versions were compared. */
  compared = 0;

  violations(): Violation[] {
    return this.#findings.violations();
  }

  /** The scheduler sends timestamps up to this one. */
  onGranted(last: bigint): void {
    if (last > this.#highest) this.#highest = last;
  }

  /** The entry that makes a version has become durable in the log of some replica. */
  onVersion({ key, by, commitTs }: NewestVersion): void {
    // Nothing was granted that anybody saw.
    if (this.#highest === 0n) return;
    this.compared++;
    if (commitTs <= this.#highest + 1n) return;
    const text = 'a version lies in the future of all timestamps';
    const history = [`transaction ${by}: ${key} at ${commitTs}`, `granted: up to ${this.#highest}`];
    this.#findings.add('version', text, history);
  }
}
