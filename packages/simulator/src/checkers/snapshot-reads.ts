import { Findings } from './findings.js';
import { describeInterval, type Interval, type Verdict } from './history.js';

/** A transaction that wrote: what it left of each key, undefined where it deleted it. */
export interface WriteRecord extends Interval {
  ret: number;
  outcome: 'ok' | 'fail' | 'unknown';
  readonly startTs: bigint;
  /** Known when the outcome is `ok`. */
  commitTs?: bigint;
  readonly writes: ReadonlyMap<string, string | undefined>;
}

/** A range of keys as a snapshot showed it. */
export interface RangeRead extends Interval {
  readonly ts: bigint;
  /** The first key of the range, and the first one that is not in it. */
  readonly start: string;
  readonly end: string;
  readonly reverse: boolean;
  /** Values are left out: a pair says that its key exists. */
  readonly keyOnly: boolean;
  readonly limit: number;
  readonly pairs: readonly (readonly [key: string, value: string])[];
}

/** One version of a key, by its commit. */
interface Version {
  readonly commitTs: bigint;
  readonly value: string | undefined;
  readonly by: WriteRecord;
}

interface KeyHistory {
  /** In the order of their commits. */
  readonly versions: Version[];
  readonly unknown: WriteRecord[];
}

/**
 * A snapshot at a timestamp shows of every key of its range the version with the greatest commit timestamp at or below
 * it, and no other keys: what is missing is a phantom or was collected too early, what is shown too much was never
 * committed. A write of unknown outcome may be what was shown if it had begun by then.
 */
export function checkSnapshotReads(
  writes: readonly WriteRecord[],
  reads: readonly RangeRead[],
): Verdict {
  const findings = new Findings('snapshot');
  const keys = historiesOf(writes);
  const sorted = [...keys.keys()].sort();
  for (const read of reads) checkRead(read, keys, sorted, findings);
  return { violations: findings.violations(), checked: writes.length + reads.length, gaveUp: [] };
}

function historiesOf(writes: readonly WriteRecord[]): Map<string, KeyHistory> {
  const keys = new Map<string, KeyHistory>();
  for (const by of writes) {
    for (const [key, value] of by.writes) {
      const history = keys.get(key) ?? { versions: [], unknown: [] };
      keys.set(key, history);
      if (by.outcome === 'unknown') history.unknown.push(by);
      if (by.outcome === 'ok') history.versions.push({ commitTs: by.commitTs!, value, by });
    }
  }
  for (const { versions } of keys.values()) {
    versions.sort((a, b) => Number(a.commitTs - b.commitTs));
  }
  return keys;
}

function checkRead(
  read: RangeRead,
  keys: ReadonlyMap<string, KeyHistory>,
  sorted: readonly string[],
  findings: Findings,
): void {
  const shown = new Map(read.pairs);
  if (!isOrdered(read)) {
    findings.add('order', 'a scan gives keys out of order, twice, or more than asked for', [
      describeRead(read),
    ]);
  }
  for (const key of shown.keys()) {
    if (keys.has(key) && isCovered(read, key)) continue;
    const text = `${key} was shown, which nobody wrote or which is not in the range`;
    findings.add('foreign key', text, [describeRead(read)]);
  }
  for (const key of sorted) {
    if (!isCovered(read, key)) continue;
    const wrong = difference(read, keys.get(key)!, shown, key);
    if (wrong !== undefined) findings.add(wrong.kind, wrong.text, wrong.history);
  }
}

function isOrdered({ pairs, reverse, limit }: RangeRead): boolean {
  if (pairs.length > limit) return false;
  return pairs.every(([key], i) => {
    const before = pairs[i - 1]?.[0];
    return before === undefined || (reverse ? key < before : key > before);
  });
}

/** A scan that has reached its limit says nothing of the keys behind its last one. */
function isCovered({ start, end, limit, reverse, pairs }: RangeRead, key: string): boolean {
  if (key < start || key >= end) return false;
  if (pairs.length < limit) return true;
  const last = pairs.at(-1)![0];
  return reverse ? key >= last : key <= last;
}

function difference(
  read: RangeRead,
  { versions, unknown }: KeyHistory,
  shown: ReadonlyMap<string, string>,
  key: string,
): { kind: string; text: string; history: string[] } | undefined {
  const newest = versions.findLast(({ commitTs }) => commitTs <= read.ts);
  const isSame = (value: string | undefined): boolean =>
    read.keyOnly ? shown.has(key) === (value !== undefined) : shown.get(key) === value;
  if (isSame(newest?.value)) return undefined;
  if (unknown.some(({ startTs, writes }) => startTs < read.ts && isSame(writes.get(key)))) {
    return undefined;
  }
  const is = shown.has(key) ? (read.keyOnly ? 'some value' : shown.get(key)) : 'nothing';
  return {
    kind: shown.has(key) ? 'wrong version' : 'missing version',
    text: `${key} at ${read.ts} was ${is}, not ${newest?.value ?? 'nothing'}`,
    history: [...(newest === undefined ? [] : [describeWrite(newest.by)]), describeRead(read)],
  };
}

function describeWrite(write: WriteRecord): string {
  const { startTs, commitTs, outcome, writes } = write;
  const values = [...writes].slice(0, 8).map(([key, value]) => `${key}=${value ?? 'deleted'}`);
  const commit = commitTs === undefined ? '' : ` commit ${commitTs}`;
  return `${describeInterval(write)} ${outcome} start ${startTs}${commit}: ${values.join(' ')}`;
}

function describeRead(read: RangeRead): string {
  const { ts, start, end, reverse, keyOnly, limit, pairs } = read;
  const flags = `${reverse ? ' reverse' : ''}${keyOnly ? ' keys only' : ''}`;
  const upTo = Number.isFinite(limit) ? ` limit ${limit}` : '';
  const values = pairs.slice(0, 12).map(([key, value]) => (keyOnly ? key : `${key}=${value}`));
  return `${describeInterval(read)} at ${ts} [${start}, ${end})${flags}${upTo}: ${values.join(' ')}`;
}
