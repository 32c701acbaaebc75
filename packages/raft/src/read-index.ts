import type { LogIndex } from '@tinykv/base';
import { NO_PEER } from '@tinykv/base';
import type { Raft } from './raft.js';
import { broadcastHeartbeat } from './replication.js';
import type { Message } from './types.js';

/**
 * A leader's part of ReadIndex (thesis §6.4): the answer waits until the leader knows what is committed,
 * which after a restart even a single node does not, and that it still leads.
 */
export function handleReadIndex(r: Raft, request: Message): void {
  // A read past the limit is dropped like a lost message: whoever asked asks again.
  if (!r.hasRoomForRead()) return;
  if (r.committedEntryInCurrentTerm()) confirmRead(r, request);
  else r.pendingReads.push(request);
}

/** To be called when the leader has committed: its commit index is now known to be the group's. */
export function releasePendingReads(r: Raft): void {
  if (r.pendingReads.length === 0 || !r.committedEntryInCurrentTerm()) return;
  const requests = r.pendingReads;
  r.pendingReads = [];
  for (const request of requests) confirmRead(r, request);
}

/** Counts the heartbeat ack of a member and answers the reads that a quorum has now confirmed. */
export function acknowledgeReads(r: Raft, from: number, context: Uint8Array): void {
  if (context.length === 0) return;
  r.readOnly.acknowledge(from, context);
  for (const read of r.readOnly.advance(r.tracker.config.voters)) {
    answerRead(r, read.request, read.index);
  }
}

function confirmRead(r: Raft, request: Message): void {
  if (leadsForSure(r)) {
    answerRead(r, request, r.log.committed);
    return;
  }
  r.readOnly.add(request, r.log.committed);
  r.readOnly.acknowledge(r.id, r.readOnly.heartbeatContext());
  broadcastHeartbeat(r);
}

/** A single voter needs no other's word. A lease holds unless this node itself asks another to lead. */
function leadsForSure(r: Raft): boolean {
  if (r.tracker.isSingleton()) return true;
  return r.config.readOnly === 'lease-based' && r.leadTransferee === NO_PEER;
}

function answerRead(r: Raft, request: Message, index: LogIndex): void {
  if (request.from === NO_PEER || request.from === r.id) {
    r.readStates.push({ index, requestContext: request.context });
  } else {
    r.send({ type: 'MsgReadIndexResp', to: request.from, index, context: request.context });
  }
}
