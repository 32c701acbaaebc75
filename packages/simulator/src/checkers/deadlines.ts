import { Findings } from './findings.js';
import type { Violation } from './history.js';

/** An answer, good or bad, to a call that was to take no longer than its deadline. */
interface Answer {
  readonly client: string;
  readonly method: string;
  readonly deadlineMs: number;
  /** By the client's clock, without what it could not run for. */
  readonly tookMs: number;
}

/** Every call ends by its deadline, or soon after it. */
export class Deadlines {
  readonly #findings = new Findings('deadline');
  readonly #slackMs: number;

  constructor(slackMs: number) {
    this.#slackMs = slackMs;
  }

  violations(): Violation[] {
    return this.#findings.violations();
  }

  onAnswer({ client, method, deadlineMs, tookMs }: Answer): void {
    if (tookMs <= deadlineMs + this.#slackMs) return;
    const shown = `${client} ${method} took ${tookMs.toFixed(0)} of ${deadlineMs} ms`;
    this.#findings.add(method, 'an answer came long after its deadline', [shown]);
  }
}
