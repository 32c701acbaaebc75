import { encodedEntryBytes, makeMessage } from './message.js';
import type { Raft } from './raft.js';
import {
  type Entry,
  type HardState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  type Ready,
  type SoftState,
} from './types.js';

/** What the application was last told. */
export interface ReadyBase {
  readonly softState: SoftState;
  readonly hardState: HardState;
}

export function hasReady(r: Raft, last: ReadyBase): boolean {
  return (
    r.messages.length > 0 ||
    r.messagesAfterAppend.length > 0 ||
    r.log.hasNextUnstableEnts() ||
    r.log.hasNextCommittedEnts(appliesUnstable(r)) ||
    r.log.hasNextUnstableSnapshot() ||
    r.readStates.length > 0 ||
    softStateChanged(r, last.softState) ||
    hardStateChanged(r, last.hardState)
  );
}

/** The outstanding work, without a change of state: `RawNode.ready` accepts it. */
export function makeReady(r: Raft, last: ReadyBase): Ready {
  const entries = r.log.nextUnstableEnts();
  const work = {
    hardState: hardStateChanged(r, last.hardState) ? r.hardState : undefined,
    entries,
    snapshot: r.log.nextUnstableSnapshot(),
    committedEntries: r.log.nextCommittedEnts(appliesUnstable(r)),
  };
  return {
    softState: softStateChanged(r, last.softState) ? r.softState : undefined,
    hardState: work.hardState,
    readStates: r.readStates,
    entries,
    snapshot: work.snapshot,
    committedEntries: work.committedEntries,
    messages: r.messages.concat(
      r.config.asyncStorageWrites ? storageMessages(r, work) : messagesToOthers(r),
    ),
    // The commit index alone may be lost: it is learned again.
    mustSync:
      entries.length > 0 || r.term !== last.hardState.term || r.vote !== last.hardState.vote,
  };
}

/** What entries that are handed out count against `maxCommittedBytesPerReady`, until they are applied. */
export function encodedBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += encodedEntryBytes(entry);
  return bytes;
}

type StorageWork = Pick<Ready, 'hardState' | 'entries' | 'snapshot' | 'committedEntries'>;

/**
 * What this node has to hear once the work of `ready` is done: its own acknowledgements and votes, then
 * what is stable, then what is applied. The order matters for speed: a leader counts its own ack
 * while the entries' terms are still in memory.
 */
export function responsesToSelf(r: Raft, ready: StorageWork): Message[] {
  const responses = r.messagesAfterAppend.filter((m) => m.to === r.id);
  const appended = storageAppendResponse(r, ready);
  if (appended !== undefined) responses.push(appended);
  if (ready.committedEntries.length > 0) {
    responses.push(storageApplyResponse(r, ready.committedEntries));
  }
  return responses;
}

/**
 * Entries may be applied before they are stable here, as they are stable on a quorum; but only if they
 * are written before they are applied, which the order of the work in a synchronous Ready gives.
 */
export function appliesUnstable(r: Raft): boolean {
  return !r.config.asyncStorageWrites;
}

function softStateChanged(r: Raft, last: SoftState): boolean {
  return r.lead !== last.lead || r.state !== last.raftState;
}

function hardStateChanged(r: Raft, last: HardState): boolean {
  return r.term !== last.term || r.vote !== last.vote || r.log.committed !== last.commit;
}

function messagesToOthers(r: Raft): Message[] {
  return r.messagesAfterAppend.filter((m) => m.to !== r.id);
}

function storageMessages(r: Raft, work: StorageWork): Message[] {
  const messages: Message[] = [];
  const toAppend =
    work.entries.length > 0 ||
    work.hardState !== undefined ||
    work.snapshot !== undefined ||
    r.messagesAfterAppend.length > 0;
  if (toAppend) messages.push(storageAppend(r, work));
  if (work.committedEntries.length > 0) messages.push(storageApply(r, work.committedEntries));
  return messages;
}

/** Term, vote and commit are those of the hard state, and all zero when it has not changed. */
function storageAppend(r: Raft, work: StorageWork): Message {
  const response = storageAppendResponse(r, work);
  return makeMessage({
    type: 'MsgStorageAppend',
    to: LOCAL_APPEND_THREAD,
    from: r.id,
    term: work.hardState?.term ?? 0,
    vote: work.hardState?.vote ?? 0,
    commit: work.hardState?.commit ?? 0,
    entries: work.entries,
    snapshot: work.snapshot,
    responses:
      response === undefined ? r.messagesAfterAppend : [...r.messagesAfterAppend, response],
  });
}

/**
 * Tells this node that its log is stable up to (index, logTerm). Undefined when it waits for nothing.
 *
 * Entries may be overwritten, and overwritten back, while writes of all three versions are on their
 * way to the disk. The first answer then names the entry that stands in the log again, but a
 * read of the disk would still find the second version. So an answer carries the term in which the write was
 * handed out, and only an answer of the current term counts: whoever overwrites brings a new term.
 * As answers of old terms are lost in this way, every later one attests to the whole unstable log, not only
 * to the entries of its own write; a change of term always writes, so such an answer comes.
 */
function storageAppendResponse(r: Raft, work: StorageWork): Message | undefined {
  const unstable = r.log.hasNextOrInProgressUnstableEnts();
  if (!unstable && work.snapshot === undefined) return undefined;
  const last = unstable ? r.log.lastEntryID() : { index: 0, term: 0 };
  return makeMessage({
    type: 'MsgStorageAppendResp',
    to: r.id,
    from: LOCAL_APPEND_THREAD,
    term: r.term,
    index: last.index,
    logTerm: last.term,
    snapshot: work.snapshot,
  });
}

function storageApply(r: Raft, entries: readonly Entry[]): Message {
  return makeMessage({
    type: 'MsgStorageApply',
    to: LOCAL_APPLY_THREAD,
    from: r.id,
    entries,
    responses: [storageApplyResponse(r, entries)],
  });
}

/** Of no term: what is committed stays so. */
function storageApplyResponse(r: Raft, entries: readonly Entry[]): Message {
  return makeMessage({ type: 'MsgStorageApplyResp', to: r.id, from: LOCAL_APPLY_THREAD, entries });
}
