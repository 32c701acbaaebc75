import type { LogIndex } from '@tinykv/base';
import { NO_PEER } from '@tinykv/base';
import { handleVoteRequest, hup, inLease } from './election.js';
import { stepCandidate, stepFollower } from './follower.js';
import { checkQuorum, stepLeader } from './leader.js';
import { maybeAutoLeave } from './proposal.js';
import type { Raft } from './raft.js';
import type { RaftError } from './raft-error.js';
import { encodedBytes } from './ready.js';
import { broadcastHeartbeat, reduceUncommitted } from './replication.js';
import type { Message, Snapshot } from './types.js';

/** Handles a message of any origin. */
export function step(r: Raft, m: Message): RaftError | undefined {
  // Term 0 marks messages that are of no term: local ones, and requests on their way to the leader.
  if (m.term > r.term) {
    if (!acceptHigherTerm(r, m)) return undefined;
  } else if (m.term !== 0 && m.term < r.term) {
    answerLowerTerm(r, m);
    return undefined;
  }
  switch (m.type) {
    case 'MsgHup':
      hup(r, r.config.preVote ? 'pre-election' : 'election');
      return undefined;
    case 'MsgVote':
    case 'MsgPreVote':
      handleVoteRequest(r, m);
      return undefined;
    case 'MsgStorageAppendResp':
      if (m.index !== 0) r.log.stableTo(m.index, m.logTerm);
      if (m.snapshot !== undefined) snapshotApplied(r, m.snapshot);
      return undefined;
    case 'MsgStorageApplyResp':
      entriesApplied(r, m);
      return undefined;
    default:
      if (r.state === 'StateLeader') return stepLeader(r, m);
      return r.state === 'StateFollower' ? stepFollower(r, m) : stepCandidate(r, m);
  }
}

/** Follows the higher term, if the message proves that there is one; false drops the message. */
function acceptHigherTerm(r: Raft, m: Message): boolean {
  const asksVote = m.type === 'MsgVote' || m.type === 'MsgPreVote';
  if (asksVote && inLease(r, m)) return false;
  // A pre-vote and a grant of it speak of a term that nobody is in yet.
  if (m.type === 'MsgPreVote' || (m.type === 'MsgPreVoteResp' && !m.reject)) return true;
  const fromLeader = m.type === 'MsgApp' || m.type === 'MsgHeartbeat' || m.type === 'MsgSnap';
  r.becomeFollower(m.term, fromLeader ? m.from : NO_PEER);
  return true;
}

function answerLowerTerm(r: Raft, m: Message): void {
  switch (m.type) {
    case 'MsgApp':
    case 'MsgHeartbeat':
      // This node cannot follow that leader, and with either option its own campaigns may be ignored:
      // the leader must hear of the higher term, or this node would be stuck.
      if (r.config.checkQuorum || r.config.preVote) r.send({ type: 'MsgAppResp', to: m.from });
      return;
    case 'MsgPreVote':
      // A candidate that is behind in term and never answered would keep asking in vain.
      r.send({ type: 'MsgPreVoteResp', to: m.from, term: r.term, reject: true });
      return;
    case 'MsgStorageAppendResp':
      // The entries may have been overwritten since, and their successors are on their way to the
      // disk: only an answer of this term says what is stable. A snapshot is committed in any term.
      if (m.snapshot !== undefined) snapshotApplied(r, m.snapshot);
      return;
    default:
      return;
  }
}

function entriesApplied(r: Raft, m: Message): void {
  const last = m.entries.at(-1);
  if (last === undefined) return;
  appliedTo(r, last.index, encodedBytes(m.entries));
  reduceUncommitted(r, m.entries);
}

function snapshotApplied(r: Raft, snapshot: Snapshot): void {
  const { index } = snapshot.metadata;
  r.log.stableSnapTo(index);
  appliedTo(r, index, 0);
}

/** Answers of a snapshot and of entries may come in any order: the higher index counts. */
function appliedTo(r: Raft, index: LogIndex, bytes: number): void {
  r.log.appliedTo(Math.max(index, r.log.applied), bytes);
  maybeAutoLeave(r);
}

/** One tick of the logical clock. */
export function tick(r: Raft): void {
  if (r.state === 'StateLeader') tickLeader(r);
  else tickElection(r);
}

function tickElection(r: Raft): void {
  r.electionElapsed += 1;
  if (r.promotable() && r.electionElapsed >= r.randomizedElectionTimeout) {
    r.electionElapsed = 0;
    hup(r, r.config.preVote ? 'pre-election' : 'election');
  }
}

function tickLeader(r: Raft): void {
  r.heartbeatElapsed += 1;
  r.electionElapsed += 1;
  if (r.electionElapsed >= r.config.electionTicks) {
    r.electionElapsed = 0;
    if (r.config.checkQuorum) checkQuorum(r);
    // A transfer that is not done by now has failed: proposals are taken again.
    r.leadTransferee = NO_PEER;
  }
  if (r.state === 'StateLeader' && r.heartbeatElapsed >= r.config.heartbeatTicks) {
    r.heartbeatElapsed = 0;
    broadcastHeartbeat(r);
  }
}
