import { assert, KvError, type LogIndex, type Term } from '@tinykv/base';
import type { Entry, GroupUpdate, HardState, LogPosition, RecoveredGroup } from '@tinykv/raft';

/**
 * What is kept in memory of one group: all but the entries themselves. A value; an update makes a new one.
 *
 * ```text
 *   truncated.index          lastIndex
 *         │  first ≤ … entries … │
 *   ──────┴──────────────────────┴──────
 * ```
 * Invariant: truncated.index, durableApplied and hardState.commit are <= lastIndex, and `termRuns`
 * covers exactly (truncated.index, lastIndex] with rising indexes and terms.
 */
export type GroupLog = RecoveredGroup;

/** The effect of one update: the group after it, and which stored entries are to go. */
export interface GroupChange {
  /** Undefined when the group is destroyed. */
  readonly after: GroupLog | undefined;
  /** Entries that must be gone in the same write: were they found after a crash, they would pass for the log. */
  readonly removed: readonly IndexRange[];
}

/** Indexes in [low, high). */
export interface IndexRange {
  readonly low: LogIndex;
  readonly high: LogIndex;
}

function emptyGroup(group: number): GroupLog {
  return {
    group,
    hardState: { term: 0, vote: 0, commit: 0 },
    truncated: { index: 0, term: 0 },
    lastIndex: 0,
    durableApplied: 0,
    termRuns: [],
  };
}

/** Applies the fields of an update in the order in which the port documents them. */
export function changeGroup(before: GroupLog | undefined, update: GroupUpdate): GroupChange {
  if (update.destroy === true) {
    assert(
      Object.keys(update).length === 2,
      () => `destroy of group ${update.group} with other changes`,
    );
    return { after: undefined, removed: before === undefined ? [] : [stored(before)] };
  }
  let log = before ?? emptyGroup(update.group);
  const removed: IndexRange[] = [];
  if (update.reset !== undefined) {
    removed.push(stored(log));
    log = { ...log, truncated: update.reset, lastIndex: update.reset.index, termRuns: [] };
  }
  if (update.entries !== undefined && update.entries.length > 0) {
    const after = withEntries(log, update.entries);
    if (log.lastIndex > after.lastIndex) {
      removed.push({ low: after.lastIndex + 1, high: log.lastIndex + 1 });
    }
    log = after;
  }
  if (update.hardState !== undefined) log = { ...log, hardState: update.hardState };
  if (update.truncate !== undefined) log = withoutPrefix(log, update.truncate);
  if (update.durableApplied !== undefined) {
    log = { ...log, durableApplied: update.durableApplied };
  }
  const broken = brokenInvariant(log);
  assert(broken === undefined, () => `raft log of group ${log.group}: ${broken}`);
  return { after: log, removed: removed.filter(({ low, high }) => low < high) };
}

/** What is wrong with a group; after a restart it means that the end of its log is lost. */
export function brokenInvariant(log: GroupLog): string | undefined {
  if (log.durableApplied > log.lastIndex) {
    return `durable applied ${log.durableApplied} > last ${log.lastIndex}`;
  }
  if (log.hardState.commit > log.lastIndex) {
    return `commit ${log.hardState.commit} > last ${log.lastIndex}`;
  }
  return undefined;
}

/** The term at an index in [truncated.index, lastIndex]. */
function termAt(log: GroupLog, index: LogIndex): Term {
  if (index === log.truncated.index) return log.truncated.term;
  const run = log.termRuns.findLast(({ first }) => first <= index);
  assert(
    run !== undefined && index <= log.lastIndex,
    () => `group ${log.group}: no term at ${index}`,
  );
  return run.term;
}

/** Throws unless [low, high) is not empty and lies within the entries that the log holds. */
export function checkReadable(
  group: number,
  log: GroupLog | undefined,
  low: LogIndex,
  high: LogIndex,
): void {
  assert(low < high, () => `group ${group}: read of [${low}, ${high})`);
  if (log === undefined)
    throw new KvError('NOT_FOUND', `raft log of group ${group}: no such group`);
  if (low > log.truncated.index && high <= log.lastIndex + 1) return;
  const held = `(${log.truncated.index}, ${log.lastIndex}]`;
  throw new KvError(
    'NOT_FOUND',
    `raft log of group ${group}: holds ${held}, not [${low}, ${high})`,
  );
}

function equalHardStates(a: HardState, b: HardState): boolean {
  return a.term === b.term && a.vote === b.vote && a.commit === b.commit;
}

/** Whether the state records of the two would be the same. */
export function equalStates(a: GroupLog, b: GroupLog): boolean {
  return (
    equalHardStates(a.hardState, b.hardState) &&
    a.truncated.index === b.truncated.index &&
    a.truncated.term === b.truncated.term &&
    a.durableApplied === b.durableApplied
  );
}

function stored(log: GroupLog): IndexRange {
  return { low: log.truncated.index + 1, high: log.lastIndex + 1 };
}

function withEntries(log: GroupLog, entries: readonly Entry[]): GroupLog {
  const first = entries[0]!.index;
  assert(
    first > log.truncated.index && first <= log.lastIndex + 1,
    () => `group ${log.group}: entry ${first} after (${log.truncated.index}, ${log.lastIndex}]`,
  );
  const kept = log.termRuns.filter((run) => run.first < first);
  let term = kept.at(-1)?.term ?? log.truncated.term;
  const termRuns = kept;
  entries.forEach((entry, i) => {
    assert(entry.index === first + i, () => `group ${log.group}: hole at entry ${entry.index}`);
    assert(
      entry.term >= term,
      () => `group ${log.group}: term ${entry.term} of entry ${entry.index} after ${term}`,
    );
    if (termRuns.length === 0 || entry.term > term) {
      termRuns.push({ first: entry.index, term: entry.term });
    }
    term = entry.term;
  });
  return { ...log, lastIndex: first + entries.length - 1, termRuns };
}

function withoutPrefix(log: GroupLog, position: LogPosition): GroupLog {
  if (position.index <= log.truncated.index) return log;
  assert(
    position.index <= log.lastIndex,
    () => `group ${log.group}: truncate at ${position.index} > last ${log.lastIndex}`,
  );
  const term = termAt(log, position.index);
  assert(
    position.term === term,
    () => `group ${log.group}: truncate at term ${position.term}, the log has ${term}`,
  );
  const first = position.index + 1;
  const termRuns = log.termRuns
    .filter((_, i) => (log.termRuns[i + 1]?.first ?? log.lastIndex + 1) > first)
    .map((run) => (run.first < first ? { first, term: run.term } : run));
  return { ...log, truncated: position, termRuns };
}
