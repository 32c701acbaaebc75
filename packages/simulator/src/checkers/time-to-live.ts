import { describeInterval, type Interval, type Verdict, type Violation } from './history.js';

/** A key with a time to live, put once. */
interface TtlPut extends Interval {
  /** World time of the call and of the return, in milliseconds. */
  readonly calledAt: number;
  readonly returnedAt: number;
  readonly ttlMs: number;
}

export interface TtlRead extends Interval {
  readonly calledAt: number;
  readonly returnedAt: number;
  /** What it has seen: the value with a time to live, the one without that was put later, or nothing. */
  readonly seen: 'expiring' | 'lasting' | 'nothing';
}

export interface TtlHistory {
  readonly name: string;
  /** Undefined: its outcome is not known, or it failed. */
  put: TtlPut | undefined;
  /** The put that replaced the value with one that does not expire, if it is known to have been carried out. */
  lasting: Interval | undefined;
  /** Another put may have been carried out, or may be still. */
  isReplaced: boolean;
  readonly reads: TtlRead[];
}

/** Stores hear of the time once a second, and their clocks run at different rates. */
const SLACK_MS = 3_000;

/**
 * A key is there until its time, and gone from then on. Which time is it? The clock of the scheduler, whose error against
 * the world's is `clockErrorMs` at most. That what is gone stays gone, and that a newer put stays, is exact.
 */
export function checkTimeToLive(histories: Iterable<TtlHistory>, clockErrorMs: number): Verdict {
  const violations: Violation[] = [];
  let checked = 0;
  for (const history of histories) {
    checked += history.reads.length;
    const message = complaintOf(history, SLACK_MS + clockErrorMs);
    if (message === undefined) continue;
    violations.push({
      oracle: 'time to live',
      message: `${history.name} ${message}`,
      history: describe(history),
    });
  }
  return { violations, checked, gaveUp: [] };
}

function complaintOf(
  { put, lasting, isReplaced, reads }: TtlHistory,
  slackMs: number,
): string | undefined {
  if (lasting !== undefined) {
    const lost = reads.find(({ call, seen }) => call > lasting.ret && seen !== 'lasting');
    if (lost !== undefined) return `lost the put without a time to live, at ${lost.call}`;
  }
  let goneAt = Number.POSITIVE_INFINITY;
  for (const read of reads) {
    const isGone = read.seen !== 'expiring' && put !== undefined && read.call > put.ret;
    if (isGone && read.ret < goneAt) goneAt = read.ret;
  }
  const revived = reads.find(({ call, seen }) => call > goneAt && seen === 'expiring');
  if (revived !== undefined) return `was gone at ${goneAt} and came back, at ${revived.call}`;
  if (put === undefined) return undefined;
  const late = reads.find(
    ({ seen, calledAt }) => seen === 'expiring' && calledAt > put.returnedAt + put.ttlMs + slackMs,
  );
  if (late !== undefined) return `was seen after its time, at ${late.call}`;
  const early = reads.find(
    ({ seen, call, returnedAt }) =>
      seen === 'nothing' &&
      !isReplaced &&
      call > put.ret &&
      returnedAt < put.calledAt + put.ttlMs - slackMs,
  );
  return early && `was gone before its time, at ${early.call}`;
}

function describe({ put, lasting, reads }: TtlHistory): string[] {
  const lines: [number, string][] = reads.map((read) => [
    read.call,
    `${describeInterval(read)} saw ${read.seen}, ${read.calledAt} to ${read.returnedAt} ms`,
  ]);
  if (put !== undefined) {
    const when = `${put.calledAt} to ${put.returnedAt} ms`;
    lines.push([put.call, `${describeInterval(put)} put it for ${put.ttlMs} ms, ${when}`]);
  }
  if (lasting !== undefined)
    lines.push([lasting.call, `${describeInterval(lasting)} put it for ever`]);
  return lines.sort(([a], [b]) => a - b).map(([, line]) => line);
}
