import { Findings } from './findings.js';
import { describeInterval, type Interval, type Verdict } from './history.js';

/** All balances as one snapshot shows them. */
export interface BankRead extends Interval {
  readonly ts: bigint;
  readonly balances: readonly number[];
}

/**
 * Money moves and is neither made nor lost: every snapshot shows the same total. Nobody can give what
 * they do not have, so no account is ever below zero.
 */
export function checkBank(total: number, reads: readonly BankRead[]): Verdict {
  const findings = new Findings('bank');
  for (const { ts, balances, ...interval } of reads) {
    const shown = [`${describeInterval(interval)} at ${ts}: ${balances.join(' ')}`];
    const sum = balances.reduce((a, b) => a + b, 0);
    if (sum !== total) findings.add('total', `it is ${sum}, not ${total}`, shown);
    else if (balances.some((balance) => !Number.isInteger(balance) || balance < 0)) {
      findings.add('balance', 'an account has what nobody can have', shown);
    }
  }
  return { violations: findings.violations(), checked: reads.length, gaveUp: [] };
}
