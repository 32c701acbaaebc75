import type { LogIndex, PeerId } from '@tinykv/base';
import { type ConfState, decodeConfChange, type Entry, isLeaveJoint } from '@tinykv/raft';

/**
 * The entries that void a leader's lease from their commit until their apply: they hand a part of what
 * the leader serves to another group, or take its vote away. Without this rule a read could be stale:
 *
 * 1. A leads a Region. It proposes a split; B and C make the entry durable, so A commits it.
 * 2. A's own disk stalls: A has neither the entry on disk nor applied it. B and C apply it.
 * 3. B and C elect a leader of the new Region, which accepts x = new. They still acknowledge A's heartbeats.
 * 4. A holds a lease and the old range: it would answer x = old.
 *
 * Entries are marked when they are handed to the disk, which is before any follower can see them, so a
 * read compares two numbers and decodes nothing. Entries that a new leader replaces lose their marks.
 * What was in the log before this process started needs none: a leader must have applied an entry
 * of its own term, which comes later, before it has a lease at all.
 */
export class LeaseVoids {
  /** Invariant: ascending, and above the applied index. */
  readonly #marks: LogIndex[] = [];

  /** These entries go to the disk; they replace what stood at and after their first index. */
  onAppend(entries: readonly Entry[], voids: (entry: Entry) => boolean): void {
    const first = entries[0];
    if (first === undefined) return;
    while (this.#marks.length > 0 && this.#marks.at(-1)! >= first.index) this.#marks.pop();
    for (const entry of entries) if (voids(entry)) this.#marks.push(entry.index);
  }

  onApplied(applied: LogIndex): void {
    while (this.#marks.length > 0 && this.#marks[0]! <= applied) this.#marks.shift();
  }

  /** A snapshot takes the place of the log. */
  onSnapshot(): void {
    this.#marks.length = 0;
  }

  /** Whether a marked entry is committed and not applied. */
  isVoid(committed: LogIndex): boolean {
    return this.#marks.length > 0 && this.#marks[0]! <= committed;
  }
}

/**
 * Whether a configuration change takes the vote of `self` away. All others leave the lease alone: every
 * quorum of the configuration before the change meets every quorum of the one after it, so those who
 * promised not to vote still stand in the way of another leader.
 */
export function removesVoter(entry: Entry, self: PeerId, config: ConfState): boolean {
  if (entry.type === 'EntryNormal') return false;
  const change = decodeConfChange(entry.data);
  // The end of a joint configuration names nobody: it takes the votes of those that it leaves behind.
  if (isLeaveJoint(change)) return !config.voters.includes(self);
  return change.changes.some(({ type, nodeId }) => nodeId === self && type !== 'ConfChangeAddNode');
}
