import { Findings } from './findings.js';
import type { Verdict } from './history.js';

/** A transaction that has written one of two keys and read the other, which begin without a value. */
export interface ExecRead {
  readonly client: number;
  readonly call: number;
  readonly pair: string;
  readonly wrote: 'left' | 'right';
  readonly sawOther: boolean;
}

/** One of two transactions that each write what the other reads comes first: the other sees what it has written. */
export function checkExecSkew(reads: readonly ExecRead[]): Verdict {
  const findings = new Findings('exec skew');
  const blind = new Map<string, ExecRead>();
  for (const read of reads) {
    if (read.sawOther) continue;
    const other = blind.get(`${read.pair} ${read.wrote === 'left' ? 'right' : 'left'}`);
    if (other === undefined) {
      blind.set(`${read.pair} ${read.wrote}`, read);
      continue;
    }
    const message = `two transactions on ${read.pair} both came before the other`;
    findings.add('both first', message, [other, read].map(describe));
  }
  return { violations: findings.violations(), checked: reads.length, gaveUp: [] };
}

function describe({ client, call, pair, wrote }: ExecRead): string {
  return `client ${client} [${call}] wrote the ${wrote} of ${pair}, and the other was not there`;
}
