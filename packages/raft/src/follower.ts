import { NO_PEER } from '@tinykv/base';
import { restoreConfState } from './conf.js';
import { handleVoteResponse, hup } from './election.js';
import type { Raft } from './raft.js';
import { LOG_TAIL_LOST, PROPOSAL_DROPPED, type RaftError } from './raft-error.js';
import type { Message, Snapshot } from './types.js';

export function stepFollower(r: Raft, m: Message): RaftError | undefined {
  switch (m.type) {
    case 'MsgProp':
      if (r.lead === NO_PEER || r.config.disableProposalForwarding) return PROPOSAL_DROPPED;
      r.send({ ...m, to: r.lead });
      return undefined;
    case 'MsgApp':
    case 'MsgHeartbeat':
    case 'MsgSnap':
      r.electionElapsed = 0;
      r.lead = m.from;
      return hearLeader(r, m);
    case 'MsgTransferLeader':
      if (r.lead !== NO_PEER) r.send({ ...m, to: r.lead, term: 0 });
      return undefined;
    case 'MsgReadIndex':
      if (r.lead !== NO_PEER) r.send({ ...m, to: r.lead });
      return undefined;
    case 'MsgReadIndexResp':
      r.readStates.push({ index: m.index, requestContext: m.context });
      return undefined;
    case 'MsgForgetLeader':
      // Under a lease others rely on this node not to vote; it must not forget why.
      if (r.config.readOnly !== 'lease-based') r.lead = NO_PEER;
      return undefined;
    case 'MsgTimeoutNow':
      // The leader itself asked: this node does not come back from a partition, so no pre-vote.
      hup(r, 'transfer');
      return undefined;
    default:
      return undefined;
  }
}

/** Candidates and pre-candidates; they differ in which votes they count. */
export function stepCandidate(r: Raft, m: Message): RaftError | undefined {
  switch (m.type) {
    case 'MsgProp':
      return PROPOSAL_DROPPED;
    case 'MsgApp':
    case 'MsgHeartbeat':
    case 'MsgSnap':
      // Of this very term: the election is decided.
      r.becomeFollower(m.term, m.from);
      return hearLeader(r, m);
    case 'MsgPreVoteResp':
    case 'MsgVoteResp': {
      // As a candidate it may still get answers to its pre-vote, which say nothing now.
      const counted = r.state === 'StatePreCandidate' ? 'MsgPreVoteResp' : 'MsgVoteResp';
      if (m.type === counted) handleVoteResponse(r, m.from, !m.reject);
      return undefined;
    }
    default:
      return undefined;
  }
}

function hearLeader(r: Raft, m: Message): RaftError | undefined {
  if (m.type === 'MsgApp') handleAppend(r, m);
  else if (m.type === 'MsgSnap') handleSnapshot(r, m);
  else return handleHeartbeat(r, m);
  return undefined;
}

function handleAppend(r: Raft, m: Message): void {
  if (m.index < r.log.committed) {
    // Old news; what is committed here surely matches.
    r.send({ type: 'MsgAppResp', to: m.from, index: r.log.committed });
    return;
  }
  const lastIndex = r.log.maybeAppend(m);
  if (lastIndex !== undefined) {
    r.send({ type: 'MsgAppResp', to: m.from, index: lastIndex });
    return;
  }
  // Where the two logs may match: entries of higher terms than the leader's at that point cannot, so
  // one answer skips all of them. The leader skips in the same way from its side.
  const from = Math.min(m.index, r.log.lastIndex());
  const hint = r.log.findConflictByTerm(from, m.logTerm);
  r.send({
    type: 'MsgAppResp',
    to: m.from,
    index: m.index,
    reject: true,
    rejectHint: hint.index,
    logTerm: hint.term,
  });
}

function handleHeartbeat(r: Raft, m: Message): RaftError | undefined {
  // A heartbeat tells no more of the commit index than this node has acknowledged.
  if (m.commit > r.log.lastIndex()) return LOG_TAIL_LOST;
  r.log.commitTo(m.commit);
  r.send({ type: 'MsgHeartbeatResp', to: m.from, context: m.context });
  return undefined;
}

function handleSnapshot(r: Raft, m: Message): void {
  const restored = m.snapshot !== undefined && restore(r, m.snapshot);
  const index = restored ? r.log.lastIndex() : r.log.committed;
  r.send({ type: 'MsgAppResp', to: m.from, index });
}

/** Replaces log and configuration by the snapshot's; false when it is not needed or not for this node. */
function restore(r: Raft, snapshot: Snapshot): boolean {
  const { index, term, confState } = snapshot.metadata;
  if (index <= r.log.committed) return false;
  // A node that is not in the configuration could not make sense of its own place in it. Members of
  // learnersNext are outgoing voters, so they need no look of their own.
  const { voters, learners, votersOutgoing } = confState;
  if (![voters, learners, votersOutgoing].some((ids) => ids.includes(r.id))) return false;
  if (r.log.matchTerm(index, term)) {
    // The log holds all of it already: only the commit index was behind.
    r.log.commitTo(index);
    return false;
  }
  r.log.restore(snapshot);
  restoreConfState(r, confState);
  return true;
}
