import { Findings } from './findings.js';
import type { Verdict } from './history.js';

/** Answers to commands that were sent at once over one connection, each of which adds one to a counter. */
export interface Pipeline {
  readonly client: number;
  readonly call: number;
  readonly key: string;
  /** In the order of the commands; without those that have no answer. */
  readonly replies: readonly number[];
}

/** Commands of a connection run in their order, and so do their replies: a counter only goes up. */
export function checkPipelines(pipelines: readonly Pipeline[]): Verdict {
  const findings = new Findings('pipelines');
  for (const { client, call, key, replies } of pipelines) {
    if (replies.every((reply, i) => i === 0 || reply > replies[i - 1]!)) continue;
    const shown = `client ${client} [${call}] incr ${key} → ${replies.join(' ')}`;
    findings.add('order', `${key} went back within one pipeline`, [shown]);
  }
  return { violations: findings.violations(), checked: pipelines.length, gaveUp: [] };
}
