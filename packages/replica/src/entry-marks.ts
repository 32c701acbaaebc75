import type { LogIndex } from '@tinykv/base';
import type { Entry } from '@tinykv/raft';

/**
 * The entries of some kind that are in the log and not applied. They are marked when they are handed to the disk, which
 * is before any follower can see them, so a look compares two numbers and decodes nothing. Entries that a new leader
 * replaces lose their marks. Entries from before this process started have none: marks count only for a leader
 * that has applied an entry of its own term, which comes later.
 *
 * One kind voids a leader's lease from its commit until its apply: entries that hand a part of what the leader serves to
 * another group, or take its vote away. Without this rule a read could be stale:
 *
 * 1. A leads a Region. It proposes a split; B and C make the entry durable, so A commits it.
 * 2. A's own disk stalls: A has neither the entry on disk nor applied it. B and C apply it.
 * 3. B and C elect a leader of the new Region, which accepts x = new. They still acknowledge A's heartbeats.
 * 4. A holds a lease and the old range: it would answer x = old.
 */
export class EntryMarks {
  /** Invariant: ascending, and above the applied index. */
  readonly #marks: LogIndex[] = [];

  /** These entries go to the disk; they replace what stood at and after their first index. */
  onAppend(entries: readonly Entry[], isMarked: (entry: Entry) => boolean): void {
    const first = entries[0];
    if (first === undefined) return;
    while (this.#marks.length > 0 && this.#marks.at(-1)! >= first.index) this.#marks.pop();
    for (const entry of entries) if (isMarked(entry)) this.#marks.push(entry.index);
  }

  onApplied(applied: LogIndex): void {
    while (this.#marks.length > 0 && this.#marks[0]! <= applied) this.#marks.shift();
  }

  /** A snapshot takes the place of the log. */
  onSnapshot(): void {
    this.#marks.length = 0;
  }

  /** Whether a marked entry is committed and not applied. */
  hasCommitted(committed: LogIndex): boolean {
    return this.#marks.length > 0 && this.#marks[0]! <= committed;
  }
}

/** The kinds of entries that a group marks. */
export interface MarkedKinds {
  /** See StateMachine.voidsLease. */
  voidsLease(entry: Entry): boolean;
  /** The entry changes the group itself. */
  isChange(entry: Entry): boolean;
}

/** The marks of one group. */
export class LogMarks {
  readonly #kinds: MarkedKinds;
  readonly voids: EntryMarks = new EntryMarks();
  readonly changes: EntryMarks = new EntryMarks();

  constructor(kinds: MarkedKinds) {
    this.#kinds = kinds;
  }

  onAppend(entries: readonly Entry[]): void {
    this.voids.onAppend(entries, (entry) => this.#kinds.voidsLease(entry));
    this.changes.onAppend(entries, (entry) => this.#kinds.isChange(entry));
  }

  onApplied(applied: LogIndex): void {
    this.voids.onApplied(applied);
    this.changes.onApplied(applied);
  }

  /** A snapshot takes the place of the log. */
  onSnapshot(): void {
    this.voids.onSnapshot();
    this.changes.onSnapshot();
  }
}
