import type { LogIndex } from '@tinykv/base';
import { NO_PEER } from '@tinykv/base';
import type { Raft } from './raft.js';
import { broadcastHeartbeat } from './replication.js';
import type { Message } from './types.js';

/** A leader's part of ReadIndex: the read is answered once it is certain that this node still leads. */
export function handleReadIndex(r: Raft, request: Message): void {
  if (r.tracker.isSingleton()) {
    answerRead(r, request, r.log.committed);
  } else if (!r.hasRoomForRead()) {
    // Dropped like a lost message: whoever asked asks again.
  } else if (!r.committedEntryInCurrentTerm()) {
    r.pendingReads.push(request);
  } else {
    confirmRead(r, request);
  }
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
  if (r.config.readOnly === 'lease-based') {
    answerRead(r, request, r.log.committed);
    return;
  }
  r.readOnly.add(request, r.log.committed);
  r.readOnly.acknowledge(r.id, r.readOnly.heartbeatContext());
  broadcastHeartbeat(r);
}

function answerRead(r: Raft, request: Message, index: LogIndex): void {
  if (request.from === NO_PEER || request.from === r.id) {
    r.readStates.push({ index, requestContext: request.context });
  } else {
    r.send({ type: 'MsgReadIndexResp', to: request.from, index, context: request.context });
  }
}
