import { describeInterval, type Interval, type Verdict, type Violation } from './history.js';

/** `count` timestamps that were granted, the last of which is `last`. */
export interface TsoGrant extends Interval {
  readonly last: bigint;
  readonly count: number;
}

/** No timestamp is granted twice, and one that was asked for after another had been granted is greater. */
export function checkTso(grants: readonly TsoGrant[]): Verdict {
  const violations = [...findOverlap(grants), ...findOrder(grants)];
  return { violations, checked: grants.length, gaveUp: [] };
}

function findOverlap(grants: readonly TsoGrant[]): Violation[] {
  const sorted = [...grants].sort((a, b) => compare(a.last, b.last));
  for (const [i, grant] of sorted.entries()) {
    const before = sorted[i - 1];
    if (before !== undefined && before.last >= first(grant)) {
      return [bad(`${before.last} was granted twice`, [before, grant])];
    }
  }
  return [];
}

/** Sweeps through time with the greatest timestamp that has been returned so far. */
function findOrder(grants: readonly TsoGrant[]): Violation[] {
  const calls = [...grants].sort((a, b) => a.call - b.call);
  const returns = [...grants].sort((a, b) => a.ret - b.ret);
  let returned = 0;
  let greatest: TsoGrant | undefined;
  for (const grant of calls) {
    for (; returned < returns.length && returns[returned]!.ret < grant.call; returned++) {
      const done = returns[returned]!;
      if (greatest === undefined || done.last > greatest.last) greatest = done;
    }
    if (greatest !== undefined && first(grant) <= greatest.last) {
      const text = `${first(grant)} was granted after ${greatest.last} had been`;
      return [bad(text, [greatest, grant])];
    }
  }
  return [];
}

function first({ last, count }: TsoGrant): bigint {
  return last - BigInt(count) + 1n;
}

function compare(a: bigint, b: bigint): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function bad(message: string, grants: readonly TsoGrant[]): Violation {
  return {
    oracle: 'tso',
    message,
    history: grants.map((g) => `${describeInterval(g)} granted ${first(g)} to ${g.last}`),
  };
}
