import type { LogIndex, PeerId } from '@tinykv/base';
import { assert } from '@tinykv/base';
import { entriesBytes } from './message.js';
import type { Progress } from './progress.js';
import type { Raft } from './raft.js';
import type { Entry } from './types.js';

/**
 * Sends what `to` is missing, or a snapshot when the log no longer reaches back so far. Answers
 * whether something was sent. Without `sendIfEmpty` a message that would only carry the commit index
 * is left out.
 */
export function maybeSendAppend(r: Raft, to: PeerId, sendIfEmpty: boolean): boolean {
  const progress = r.tracker.progress.get(to);
  assert(progress !== undefined, () => `no progress of ${to}`);
  if (progress.isPaused()) return false;

  const prevIndex = progress.next - 1;
  const prevTerm = r.log.term(prevIndex);
  if (typeof prevTerm !== 'number') return maybeSendSnapshot(r, to, progress);

  let entries: readonly Entry[] = [];
  // To a replicating follower with a full window only empty messages go. Were all that fill the
  // window lost, one of them, prompted by a heartbeat, is rejected or acknowledged and clears it.
  if (progress.state !== 'StateReplicate' || !progress.inflights.full()) {
    const read = r.log.entries(progress.next, r.config.maxBytesPerMessage);
    if (read === 'loading') {
      r.loadingPeers.add(to);
      return false;
    }
    if (read === 'compacted' || read === 'unavailable') {
      return sendIfEmpty && maybeSendSnapshot(r, to, progress);
    }
    entries = read;
  }
  if (entries.length === 0 && !sendIfEmpty) return false;

  const commit = r.log.committed;
  r.send({ type: 'MsgApp', to, index: prevIndex, logTerm: prevTerm, entries, commit });
  progress.sentEntries(entries.length, entriesBytes(entries));
  progress.sentCommitIndex(commit);
  return true;
}

function maybeSendSnapshot(r: Raft, to: PeerId, progress: Progress): boolean {
  if (!progress.recentActive) return false;
  const snapshot = r.log.snapshot();
  if (snapshot === undefined) return false;
  assert(snapshot.metadata.index > 0, 'the storage gave an empty snapshot');
  progress.becomeSnapshot(snapshot.metadata.index);
  r.send({ type: 'MsgSnap', to, snapshot });
  return true;
}

/** Sends as many bounded messages as the window of `to` allows. */
export function sendWhatFits(r: Raft, to: PeerId): void {
  while (maybeSendAppend(r, to, false));
}

export function broadcastAppend(r: Raft): void {
  r.tracker.visit((id) => {
    if (id !== r.id) maybeSendAppend(r, id, true);
  });
}

/** A heartbeat's ack says that the sender followed this leader after the heartbeat was made. */
export function broadcastHeartbeat(r: Raft): void {
  const context = r.readOnly.heartbeatContext();
  r.tracker.visit((id, progress) => {
    if (id === r.id) return;
    // What lies past its match may be another entry in the follower's log: it must not commit it.
    const commit = Math.min(progress.match, r.log.committed);
    r.send({ type: 'MsgHeartbeat', to: id, commit, context });
    progress.sentCommitIndex(commit);
  });
}

/** True when the commit index moved: the followers are to be told. */
export function maybeCommit(r: Raft): boolean {
  // An entry of an earlier term may be on a quorum and still be overwritten (Raft paper, figure 8).
  return r.log.maybeCommit(r.tracker.committed(), r.term);
}

/** Appends proposals to the leader's log; false when its uncommitted tail is too long for them. */
export function appendEntries(r: Raft, proposed: readonly Entry[]): boolean {
  if (!increaseUncommitted(r, proposed)) return false;
  let index: LogIndex = r.log.lastIndex();
  const entries = proposed.map((entry) => {
    index += 1;
    return { term: r.term, index, type: entry.type, data: entry.data };
  });
  r.log.append(entries);
  // The leader acknowledges its own entries like any follower: once they are durable.
  r.send({ type: 'MsgAppResp', to: r.id, index });
  return true;
}

/**
 * A first proposal may be of any size and empty entries are never refused: a leader must be able to
 * open its term and to leave a joint configuration.
 */
function increaseUncommitted(r: Raft, entries: readonly Entry[]): boolean {
  const bytes = entriesBytes(entries);
  const full = r.uncommittedBytes + bytes > r.config.maxUncommittedBytes;
  if (r.uncommittedBytes > 0 && bytes > 0 && full) return false;
  r.uncommittedBytes += bytes;
  return true;
}

/** Entries of earlier terms were never counted, so the estimate is held at zero. */
export function reduceUncommitted(r: Raft, entries: readonly Entry[]): void {
  r.uncommittedBytes = Math.max(0, r.uncommittedBytes - entriesBytes(entries));
}

/** Tries again where the storage had to load entries first. */
export function resumeLoading(r: Raft): void {
  const peers = [...r.loadingPeers];
  r.loadingPeers.clear();
  if (r.state !== 'StateLeader') return;
  for (const id of peers) if (r.tracker.progress.has(id)) sendWhatFits(r, id);
}
