import type { Verdict, Violation } from './history.js';

/** A read of two keys that every writer changes together. */
export interface PairRead {
  readonly call: number;
  readonly values: readonly [string | null, string | null];
}

/** What is always written together is always read alike. */
export function checkPairs(reads: readonly PairRead[]): Verdict {
  const violations = reads
    .filter(({ values: [left, right] }) => left !== right)
    .map(({ call, values: [left, right] }): Violation => {
      const text = `${left ?? 'nil'} and ${right ?? 'nil'}`;
      return {
        oracle: 'pairs',
        message: `two keys that change together were read as ${text}`,
        history: [`[${call}] mget → ${text}`],
      };
    });
  return { violations, checked: reads.length, gaveUp: [] };
}
