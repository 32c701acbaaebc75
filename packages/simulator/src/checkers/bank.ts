import { describeInterval, type Interval, type Verdict, type Violation } from './history.js';

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
  const violations: Violation[] = [];
  for (const read of reads) {
    const sum = read.balances.reduce((a, b) => a + b, 0);
    if (sum !== total) {
      violations.push(bad(`the total is ${sum}, not ${total}`, read));
    } else if (read.balances.some((balance) => !Number.isInteger(balance) || balance < 0)) {
      violations.push(bad('an account has what nobody can have', read));
    }
  }
  return { violations, checked: reads.length, gaveUp: [] };
}

function bad(message: string, read: BankRead): Violation {
  const { ts, balances } = read;
  return {
    oracle: 'bank',
    message: `${message} in the snapshot at ${ts}`,
    history: [`${describeInterval(read)} at ${ts}: ${balances.join(' ')}`],
  };
}
