import type { LogIndex } from '@tinykv/base';
import type { Progress } from './progress.js';
import { describeIds, JointConfig, sortedIds, type VoteResult } from './quorum.js';
import type { ConfState } from './types.js';

/** The configuration in force. Invariant: learners and voters are disjoint. */
export interface TrackerConfig {
  voters: JointConfig;
  /** In a joint configuration: the leader leaves it by itself once the change is applied. */
  autoLeave: boolean;
  learners: Set<number>;
  /** Outgoing voters that become learners when the joint configuration is left. */
  learnersNext: Set<number>;
}

export function emptyConfig(): TrackerConfig {
  return {
    voters: new JointConfig(),
    autoLeave: false,
    learners: new Set(),
    learnersNext: new Set(),
  };
}

/** `voters=(1 2 3)&&(1) learners=(…) learners_next=(…) autoleave`. */
export function describeConfig(config: TrackerConfig): string {
  let out = `voters=${config.voters.describe()}`;
  if (config.learners.size > 0) out += ` learners=${describeIds(config.learners)}`;
  if (config.learnersNext.size > 0) out += ` learners_next=${describeIds(config.learnersNext)}`;
  if (config.autoLeave) out += ' autoleave';
  return out;
}

/** One line per peer, in id order: `ID: StateX match=N next=N …`. */
export function describeProgress(progress: ReadonlyMap<number, Progress>): string {
  let out = '';
  for (const id of sortedIds(progress.keys())) out += `${id}: ${progress.get(id)!.describe()}\n`;
  return out;
}

export interface VoteTally {
  readonly granted: number;
  readonly rejected: number;
  readonly result: VoteResult;
}

/** The configuration, what the leader knows of each peer, and the votes of the current election. */
export class ProgressTracker {
  config: TrackerConfig = emptyConfig();
  readonly votes: Map<number, boolean> = new Map();
  /** The inflights window of each peer: messages, and payload bytes (0: no limit). */
  readonly maxInflight: number;
  readonly maxInflightBytes: number;
  #progress: Map<number, Progress> = new Map();
  #ids: readonly number[] = [];

  constructor(maxInflight: number, maxInflightBytes: number) {
    this.maxInflight = maxInflight;
    this.maxInflightBytes = maxInflightBytes;
  }

  /** Peers are added and removed only by setting a whole new map (see Changer). */
  get progress(): Map<number, Progress> {
    return this.#progress;
  }

  set progress(progress: Map<number, Progress>) {
    this.#progress = progress;
    this.#ids = sortedIds(progress.keys());
  }

  confState(): ConfState {
    const { voters, learners, learnersNext, autoLeave } = this.config;
    return {
      voters: sortedIds(voters.incoming),
      votersOutgoing: sortedIds(voters.outgoing),
      learners: sortedIds(learners),
      learnersNext: sortedIds(learnersNext),
      autoLeave,
    };
  }

  /** One voter and no change under way: it decides alone. */
  isSingleton(): boolean {
    const { incoming, outgoing } = this.config.voters;
    return incoming.size === 1 && outgoing.size === 0;
  }

  /** The largest index that the quorum has acknowledged. Infinity when there are no voters. */
  committed(): LogIndex {
    return this.config.voters.committedIndex((id) => this.#progress.get(id)?.match);
  }

  /** In id order, so that what a node sends is the same in every run. */
  visit(fn: (id: number, progress: Progress) => void): void {
    for (const id of this.#ids) fn(id, this.#progress.get(id)!);
  }

  quorumActive(): boolean {
    const active = new Map<number, boolean>();
    for (const [id, progress] of this.#progress) {
      if (!progress.isLearner) active.set(id, progress.recentActive);
    }
    return this.config.voters.voteResult(active) === 'VoteWon';
  }

  /** The voters of both halves, sorted. */
  voterNodes(): number[] {
    return sortedIds(this.config.voters.ids());
  }

  learnerNodes(): number[] {
    return sortedIds(this.config.learners);
  }

  resetVotes(): void {
    this.votes.clear();
  }

  /** The first vote of a peer counts. */
  recordVote(id: number, granted: boolean): void {
    if (!this.votes.has(id)) this.votes.set(id, granted);
  }

  tallyVotes(): VoteTally {
    let granted = 0;
    let rejected = 0;
    for (const [id, progress] of this.#progress) {
      // A learner may have voted by the configuration that it knows; that vote does not count here.
      if (progress.isLearner) continue;
      const vote = this.votes.get(id);
      if (vote === undefined) continue;
      if (vote) granted++;
      else rejected++;
    }
    return { granted, rejected, result: this.config.voters.voteResult(this.votes) };
  }
}
