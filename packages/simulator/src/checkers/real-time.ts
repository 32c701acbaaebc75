import { Findings } from './findings.js';
import { describeInterval, type Interval, type Verdict } from './history.js';

/** A transaction by its timestamps, and when its client saw it begin and end. */
export interface Stamped extends Interval {
  readonly startTs: bigint;
  /** Missing when nothing was committed, or nobody knows. */
  readonly commitTs?: bigint;
}

/** A transaction that begins after another's commit has returned reads at a timestamp that sees that commit. */
export function checkRealTime(txns: readonly Stamped[]): Verdict {
  const findings = new Findings('real time');
  const calls = [...txns].sort((a, b) => a.call - b.call);
  const returns = txns.filter(isReturned).sort((a, b) => a.ret - b.ret);
  let returned = 0;
  let greatest: Stamped | undefined;
  for (const txn of calls) {
    for (; returned < returns.length && returns[returned]!.ret < txn.call; returned++) {
      const done = returns[returned]!;
      if (greatest === undefined || done.commitTs! > greatest.commitTs!) greatest = done;
    }
    if (greatest === undefined || txn.startTs >= greatest.commitTs!) continue;
    const text = `${txn.startTs} began after the commit at ${greatest.commitTs} had returned`;
    findings.add('stale start', text, [greatest, txn].map(describe));
  }
  return { violations: findings.violations(), checked: 0, gaveUp: [] };
}

function isReturned({ commitTs, ret }: Stamped): boolean {
  return commitTs !== undefined && Number.isFinite(ret);
}

function describe(txn: Stamped): string {
  const commit = txn.commitTs === undefined ? '' : ` commit ${txn.commitTs}`;
  return `${describeInterval(txn)} start ${txn.startTs}${commit}`;
}
