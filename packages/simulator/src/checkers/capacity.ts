import { Findings } from './findings.js';
import type { Violation } from './history.js';

/** The size of something, and its limit. */
interface Level {
  readonly name: string;
  readonly used: number;
  readonly limit: number;
  /** By how much the limit may be passed: the last thing that was let in, and what cannot be refused. */
  readonly slack: number;
}

/** Queues and memory stay within their limits. */
export class Capacity {
  readonly #findings = new Findings('capacity');

  violations(): Violation[] {
    return this.#findings.violations();
  }

  observe({ name, used, limit, slack }: Level): void {
    if (used <= limit + slack) return;
    this.#findings.add('limit', `${name} is over its limit`, [`${used} of ${limit} (${slack})`]);
  }
}
