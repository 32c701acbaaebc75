import type { LogIndex } from '@tinykv/base';

export type VoteResult = 'VoteWon' | 'VoteLost' | 'VotePending';

type Voters = ReadonlySet<number> | readonly number[];
type MatchOf = (id: number) => LogIndex | undefined;

function votersCount(voters: Voters): number {
  return 'size' in voters ? voters.size : voters.length;
}

/**
 * The largest index that a majority of the voters has acknowledged; voters of whom nothing is known
 * count as 0. Infinity for no voters: the empty half of a joint configuration constrains nothing.
 */
export function majorityCommitted(voters: Voters, matchOf: MatchOf): LogIndex {
  const count = votersCount(voters);
  if (count === 0) return Number.POSITIVE_INFINITY;
  // Insertion sort: groups have few voters, and this runs for every acknowledgement.
  const sorted: LogIndex[] = [];
  for (const id of voters) {
    const match = matchOf(id) ?? 0;
    let at = sorted.length;
    while (at > 0 && sorted[at - 1]! > match) {
      sorted[at] = sorted[at - 1]!;
      at--;
    }
    sorted[at] = match;
  }
  return sorted[count - (Math.floor(count / 2) + 1)]!;
}

/** An empty configuration wins, so that a joint one with an empty half behaves as its other half. */
export function majorityVote(voters: Voters, votes: ReadonlyMap<number, boolean>): VoteResult {
  const count = votersCount(voters);
  if (count === 0) return 'VoteWon';
  let granted = 0;
  let missing = 0;
  for (const id of voters) {
    const vote = votes.get(id);
    if (vote === undefined) missing++;
    else if (vote) granted++;
  }
  const quorum = Math.floor(count / 2) + 1;
  if (granted >= quorum) return 'VoteWon';
  return granted + missing >= quorum ? 'VotePending' : 'VoteLost';
}

/**
 * Two majorities that must agree (Raft dissertation §4.3). Outside of a configuration change
 * `outgoing` is empty.
 */
export class JointConfig {
  incoming: Set<number>;
  outgoing: Set<number>;

  constructor(incoming: Iterable<number> = [], outgoing: Iterable<number> = []) {
    this.incoming = new Set(incoming);
    this.outgoing = new Set(outgoing);
  }

  committedIndex(matchOf: MatchOf): LogIndex {
    return Math.min(
      majorityCommitted(this.incoming, matchOf),
      majorityCommitted(this.outgoing, matchOf),
    );
  }

  voteResult(votes: ReadonlyMap<number, boolean>): VoteResult {
    const incoming = majorityVote(this.incoming, votes);
    const outgoing = majorityVote(this.outgoing, votes);
    if (incoming === outgoing) return incoming;
    return incoming === 'VoteLost' || outgoing === 'VoteLost' ? 'VoteLost' : 'VotePending';
  }

  /** The voters of both halves. */
  ids(): Set<number> {
    return new Set([...this.incoming, ...this.outgoing]);
  }

  /** `(1 2 3)`, joint `(1 2 3)&&(1)`. */
  describe(): string {
    const incoming = describeIds(this.incoming);
    return this.outgoing.size > 0 ? `${incoming}&&${describeIds(this.outgoing)}` : incoming;
  }
}

export function sortedIds(ids: Iterable<number>): number[] {
  return [...ids].sort((a, b) => a - b);
}

/** Ids in ascending order: `(1 2 3)`. */
export function describeIds(ids: Iterable<number>): string {
  return `(${sortedIds(ids).join(' ')})`;
}

/**
 * A chart of what the voters have acknowledged, one row per voter in id order. The bar of a row is as
 * long as the number of voters that are behind it; `?` marks a voter of whom nothing is known.
 */
export function describeQuorum(voters: Iterable<number>, matchOf: MatchOf): string {
  const ids = sortedIds(voters);
  if (ids.length === 0) return '<empty majority quorum>';
  const matches = ids.map((id) => matchOf(id) ?? 0);
  const width = ids.length;
  let out = `${' '.repeat(width)}    idx\n`;
  ids.forEach((id, i) => {
    const match = matches[i]!;
    const behind = matches.filter((other) => other < match).length;
    const bar = matchOf(id) === undefined ? '?' : `${'x'.repeat(behind)}>`;
    out += `${bar.padEnd(width + 1)} ${String(match).padStart(5)}    (id=${id})\n`;
  });
  return out;
}
