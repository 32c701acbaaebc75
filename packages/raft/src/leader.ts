import { assert, NO_PEER } from '@tinykv/base';
import type { Progress } from './progress.js';
import { propose } from './proposal.js';
import type { Raft } from './raft.js';
import type { RaftError } from './raft-error.js';
import { acknowledgeReads, handleReadIndex, releasePendingReads } from './read-index.js';
import { broadcastAppend, maybeCommit, maybeSendAppend, sendWhatFits } from './replication.js';
import type { Message } from './types.js';

export function stepLeader(r: Raft, m: Message): RaftError | undefined {
  switch (m.type) {
    case 'MsgProp':
      return propose(r, m.entries);
    case 'MsgReadIndex':
      handleReadIndex(r, m);
      return undefined;
    default:
      break;
  }
  // All else is about a member: others are not listened to any more.
  const progress = r.tracker.progress.get(m.from);
  if (progress === undefined) return undefined;
  switch (m.type) {
    case 'MsgAppResp':
      progress.recentActive = true;
      if (m.reject) handleRejection(r, m, progress);
      else handleAcknowledgement(r, m, progress);
      break;
    case 'MsgHeartbeatResp':
      handleHeartbeatResponse(r, m, progress);
      break;
    case 'MsgSnapStatus':
      handleSnapshotStatus(m, progress);
      break;
    case 'MsgUnreachable':
      // What was sent optimistically is probably lost.
      if (progress.state === 'StateReplicate') progress.becomeProbe();
      break;
    case 'MsgTransferLeader':
      transferLeader(r, m, progress);
      break;
    default:
      break;
  }
  return undefined;
}

/**
 * The follower's log ends at rejectHint, or differs there: its term there is logTerm. Below, its
 * terms are no higher; so the leader's entries of higher terms cannot match and need no probe. That
 * takes one probe per term at most, instead of one per entry.
 */
function handleRejection(r: Raft, m: Message, progress: Progress): void {
  const hint =
    m.logTerm > 0 ? r.log.findConflictByTerm(m.rejectHint, m.logTerm).index : m.rejectHint;
  if (!progress.maybeDecrTo(m.index, hint)) return;
  if (progress.state === 'StateReplicate') progress.becomeProbe();
  maybeSendAppend(r, m.from, true);
}

function handleAcknowledgement(r: Raft, m: Message, progress: Progress): void {
  // An ack that is no news still ends probing: it may be the answer to a probe after a loss.
  const recovers = progress.match === m.index && progress.state === 'StateProbe';
  if (!progress.maybeUpdate(m.index) && !recovers) return;

  if (progress.state === 'StateProbe') {
    progress.becomeReplicate();
  } else if (progress.state === 'StateSnapshot') {
    // Whatever snapshot it got, from whom ever: if the log reaches on from there, replicate.
    if (progress.match + 1 >= r.log.firstIndex()) {
      progress.becomeProbe();
      progress.becomeReplicate();
    }
  } else {
    progress.inflights.freeLE(m.index);
  }

  const isOther = m.from !== r.id;
  if (maybeCommit(r)) {
    releasePendingReads(r);
    broadcastAppend(r);
  } else if (isOther && progress.canBumpCommit(r.log.committed)) {
    // It would learn the commit index from a heartbeat too, but later.
    maybeSendAppend(r, m.from, true);
  }
  // The window has moved: there may be room for several messages.
  if (isOther) sendWhatFits(r, m.from);
  if (m.from === r.leadTransferee && progress.match === r.log.lastIndex()) {
    r.send({ type: 'MsgTimeoutNow', to: m.from });
  }
}

function handleHeartbeatResponse(r: Raft, m: Message, progress: Progress): void {
  progress.recentActive = true;
  progress.msgAppFlowPaused = false;
  // Also an empty message helps: it lets a full window whose messages were lost be cleared, and a
  // probed follower that has everything return to replication.
  if (progress.match < r.log.lastIndex() || progress.state === 'StateProbe') {
    maybeSendAppend(r, m.from, true);
  }
  acknowledgeReads(r, m.from, m.context);
}

function handleSnapshotStatus(m: Message, progress: Progress): void {
  if (progress.state !== 'StateSnapshot') return;
  // A failed snapshot must be forgotten first, or the probe would start after it.
  if (m.reject) progress.pendingSnapshot = 0;
  progress.becomeProbe();
  // The next message waits: for the follower's own ack, or for a heartbeat before the next try.
  progress.msgAppFlowPaused = true;
}

function transferLeader(r: Raft, m: Message, progress: Progress): void {
  const transferee = m.from;
  if (progress.isLearner || r.leadTransferee === transferee) return;
  r.leadTransferee = NO_PEER;
  if (transferee === r.id) return;
  // It is to be done within one election timeout, or it is given up (see tick).
  r.electionElapsed = 0;
  r.leadTransferee = transferee;
  if (progress.match === r.log.lastIndex()) r.send({ type: 'MsgTimeoutNow', to: transferee });
  else maybeSendAppend(r, transferee, true);
}

/** Once per election timeout: a leader that hears no quorum may have been replaced. */
export function checkQuorum(r: Raft): void {
  assert(r.state === 'StateLeader', 'only a leader checks its quorum');
  if (!r.tracker.quorumActive()) r.becomeFollower(r.term, NO_PEER);
  r.tracker.visit((id, progress) => {
    if (id !== r.id) progress.recentActive = false;
  });
}
