import { assert, EMPTY_BYTES, NO_PEER } from '@tinykv/base';
import { decodeConfChange } from './codec.js';
import { isLeaveJoint } from './conf-change.js';
import type { Raft } from './raft.js';
import { PROPOSAL_DROPPED, type RaftError } from './raft-error.js';
import { appendEntries, broadcastAppend } from './replication.js';
import type { Entry } from './types.js';

const REFUSED_CHANGE: Entry = { term: 0, index: 0, type: 'EntryNormal', data: EMPTY_BYTES };
const LEAVE_JOINT: Entry = { term: 0, index: 0, type: 'EntryConfChangeV2', data: EMPTY_BYTES };

/** A leader takes proposals into its log and sends them out. */
export function propose(r: Raft, proposed: readonly Entry[]): RaftError | undefined {
  assert(proposed.length > 0, 'a proposal without entries');
  // A leader that was removed leads on only to commit what it has.
  if (!r.tracker.progress.has(r.id)) return PROPOSAL_DROPPED;
  // The transferee can catch up only with a log that stands still.
  if (r.leadTransferee !== NO_PEER) return PROPOSAL_DROPPED;

  const entries = proposed.map((entry, position) => admit(r, entry, position));
  if (!appendEntries(r, entries)) return PROPOSAL_DROPPED;
  broadcastAppend(r);
  return undefined;
}

/**
 * At most one configuration change may be in the log and unapplied, and a joint configuration must be
 * left before the next; a change that breaks the rule goes in as an empty entry. This is a check
 * against the configuration in force, not the one that the change will meet.
 */
function admit(r: Raft, entry: Entry, position: number): Entry {
  if (entry.type === 'EntryNormal') return entry;
  const pending = r.pendingConfIndex > r.log.applied;
  const joint = r.tracker.config.voters.outgoing.size > 0;
  const change = decodeConfChange(entry.data);
  const fits = !pending && (joint ? isLeaveJoint(change) : change.changes.length > 0);
  if (!fits && !r.config.disableConfChangeValidation) return REFUSED_CHANGE;
  r.pendingConfIndex = r.log.lastIndex() + position + 1;
  return entry;
}

/**
 * Leaves a joint configuration whose time is over, once all changes known to this leader are applied.
 * The entry weighs nothing, so that only a leader transfer can drop it; then the next applied entry,
 * here or on the new leader, brings another try.
 */
export function maybeAutoLeave(r: Raft): void {
  const due = r.tracker.config.autoLeave && r.log.applied >= r.pendingConfIndex;
  if (due && r.state === 'StateLeader') propose(r, [LEAVE_JOINT]);
}
