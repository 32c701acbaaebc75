import type { LogIndex, PeerId, Term } from '@tinykv/base';
import { assert, limits, NO_PEER } from '@tinykv/base';
import type { RaftConfig } from './config.js';
import { Inflights } from './inflights.js';
import { Log } from './log.js';
import { makeMessage } from './message.js';
import { Progress } from './progress.js';
import { ReadOnly } from './read-only.js';
import { ProgressTracker } from './tracker.js';
import type { HardState, Message, MessageType, ReadState, SoftState, StateType } from './types.js';

/** A message to send; `send` fills in the sender and, save for campaigns, the term. */
export type OutgoingMessage = Partial<Message> & Pick<Message, 'type' | 'to'>;

/**
 * The state of one node of one group, and the steps that change its role. What a role does with a
 * message stands in one module per role; all of them work on this object.
 */
export class Raft {
  readonly id: PeerId;
  readonly config: RaftConfig;
  readonly log: Log;
  readonly tracker: ProgressTracker;

  term: Term = 0;
  vote: PeerId = NO_PEER;
  lead: PeerId = NO_PEER;
  state: StateType = 'StateFollower';

  /** To be sent at once: what they say does not depend on this node's unstable state. */
  messages: Message[] = [];
  /**
   * Votes and acknowledgements, to other nodes or to this one: to be sent when all state that is
   * unstable now, handed out or not, is durable.
   */
  messagesAfterAppend: Message[] = [];
  readStates: ReadState[] = [];

  /** The target of a leader transfer in progress (thesis §3.10). */
  leadTransferee: PeerId = NO_PEER;
  /**
   * At or past the index of the last configuration change in the log that may be unapplied: no other
   * may be proposed before this is applied.
   */
  pendingConfIndex: LogIndex = 0;
  /** Payload of the uncommitted tail: a leader's estimate, never too high. */
  uncommittedBytes = 0;

  readOnly: ReadOnly = new ReadOnly();
  /** Reads that came before this leader committed an entry of its own term. */
  pendingReads: Message[] = [];

  /** Since the leader was last heard of (follower), or the last check of the quorum (leader). */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  /** In [electionTicks, 2 * electionTicks - 1], drawn anew at every change of role or term. */
  randomizedElectionTimeout = 0;

  /** Peers to which nothing was sent because the storage has still to load their entries. */
  readonly loadingPeers: Set<PeerId> = new Set();

  constructor(config: RaftConfig) {
    this.id = config.id;
    this.config = config;
    this.log = new Log(config.storage, config.maxCommittedBytesPerReady);
    this.tracker = new ProgressTracker(config.maxInflightMessages, config.maxInflightBytes);
  }

  get softState(): SoftState {
    return { lead: this.lead, raftState: this.state };
  }

  get hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  /**
   * What is compacted or applied is committed, though the commit index that says so may not have
   * become durable before the crash.
   */
  recover(state: HardState, applied: LogIndex): void {
    const lastIndex = this.log.lastIndex();
    const commit = Math.max(state.commit, applied);
    assert(commit <= lastIndex, () => `${this.id}: commit ${commit} is beyond ${lastIndex}`);
    this.log.commitTo(commit);
    if (applied > this.log.applied) this.log.appliedTo(applied, 0);
    this.term = state.term;
    this.vote = state.vote;
  }

  /**
   * The one place that decides what may leave before the disk has answered. Anything may, except an
   * answer that others count: a vote must not be forgotten in a crash, nor an entry after it was
   * acknowledged (thesis §3.8). Rejections wait too: they are rare, and may rest on an unstable vote or log.
   */
  send(fields: OutgoingMessage): void {
    const type = fields.type;
    let term = fields.term ?? 0;
    if (isCampaignMessage(type)) {
      // A pre-vote speaks of a term that is not this node's, so the caller must say which.
      assert(term !== 0, () => `${type} without a term`);
    } else {
      assert(term === 0, () => `${type} with term ${term}`);
      // Proposals and reads on their way to the leader are of no term.
      if (type !== 'MsgProp' && type !== 'MsgReadIndex') term = this.term;
    }
    const message = makeMessage({ ...fields, from: fields.from || this.id, term });
    if (isCounted(type)) {
      this.messagesAfterAppend.push(message);
    } else {
      assert(message.to !== this.id, () => `${type} to itself`);
      this.messages.push(message);
    }
  }

  becomeFollower(term: Term, lead: PeerId): void {
    this.#reset(term);
    this.lead = lead;
    this.state = 'StateFollower';
  }

  becomeCandidate(): void {
    assert(this.state !== 'StateLeader', 'a leader cannot become candidate');
    this.#reset(this.term + 1);
    this.vote = this.id;
    this.state = 'StateCandidate';
  }

  /** Changes neither term nor vote: that is the point of asking first. */
  becomePreCandidate(): void {
    assert(this.state !== 'StateLeader', 'a leader cannot become pre-candidate');
    this.tracker.resetVotes();
    this.lead = NO_PEER;
    this.state = 'StatePreCandidate';
  }

  /** The caller appends the empty entry that opens the term. */
  becomeLeader(): void {
    assert(this.state !== 'StateFollower', 'a follower cannot become leader');
    this.#reset(this.term);
    this.lead = this.id;
    this.state = 'StateLeader';
    const own = this.tracker.progress.get(this.id);
    assert(own !== undefined, () => `${this.id} leads without being a member`);
    own.becomeReplicate();
    own.recentActive = true;
    // Any of the entries inherited may be a configuration change: they must all be applied before
    // the next is proposed. Reading them to find out would cost more than the wait.
    this.pendingConfIndex = this.log.lastIndex();
  }

  #reset(term: Term): void {
    if (this.term !== term) {
      this.term = term;
      this.vote = NO_PEER;
    }
    this.lead = NO_PEER;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.#resetElectionTimeout();
    this.leadTransferee = NO_PEER;
    this.tracker.resetVotes();
    const lastIndex = this.log.lastIndex();
    this.tracker.visit((id, old) => {
      this.tracker.progress.set(
        id,
        new Progress(
          id === this.id ? lastIndex : 0,
          lastIndex + 1,
          new Inflights(this.tracker.maxInflight, this.tracker.maxInflightBytes),
          old.isLearner,
        ),
      );
    });
    this.loadingPeers.clear();
    this.pendingConfIndex = 0;
    this.uncommittedBytes = 0;
    this.readOnly = new ReadOnly();
    this.pendingReads = [];
  }

  #resetElectionTimeout(): void {
    const ticks = this.config.electionTicks;
    this.randomizedElectionTimeout = ticks + this.config.rng.int(0, ticks);
  }

  /** A voter whose state machine is not about to be replaced by a snapshot. */
  promotable(): boolean {
    const own = this.tracker.progress.get(this.id);
    return own !== undefined && !own.isLearner && !this.log.hasNextOrInProgressSnapshot();
  }

  /** A new leader knows what is committed only once an entry of its own term is (§5.4.2, §8). */
  committedEntryInCurrentTerm(): boolean {
    return this.log.term(this.log.committed) === this.term;
  }

  /** Reads are refused past the limit: whoever asked asks again. */
  hasRoomForRead(): boolean {
    return this.readOnly.size + this.pendingReads.length < limits.regionPendingReadsMax;
  }
}

/** Answers that others count towards a quorum. */
function isCounted(type: MessageType): boolean {
  return type === 'MsgAppResp' || type === 'MsgVoteResp' || type === 'MsgPreVoteResp';
}

function isCampaignMessage(type: MessageType): boolean {
  return (
    type === 'MsgVote' ||
    type === 'MsgVoteResp' ||
    type === 'MsgPreVote' ||
    type === 'MsgPreVoteResp'
  );
}
