import { assert, type LogIndex, type Term } from '@tinykv/base';
import type { Entry, Snapshot } from './types.js';

/**
 * The tail of the log that is not known to be durable, and a snapshot that precedes it, if one was
 * received. With asynchronous writes a part of it may be on its way to the disk ("in progress"):
 *
 *     storage …| entries in progress | entries not yet handed out
 *              ^ offset              ^ offsetInProgress          ^ offset + entries.length
 *
 * Invariant: offset <= offsetInProgress <= offset + entries.length. Entries here shadow those of the
 * storage at the same index.
 */
export class Unstable {
  snapshot: Snapshot | undefined;
  /** `entries[i]` has index `offset + i`. */
  entries: Entry[] = [];
  offset: LogIndex;
  snapshotInProgress = false;
  offsetInProgress: LogIndex;

  constructor(offset: LogIndex) {
    this.offset = offset;
    this.offsetInProgress = offset;
  }

  /** Only a snapshot determines the first index. */
  maybeFirstIndex(): LogIndex | undefined {
    return this.snapshot === undefined ? undefined : this.snapshot.metadata.index + 1;
  }

  maybeLastIndex(): LogIndex | undefined {
    if (this.entries.length > 0) return this.offset + this.entries.length - 1;
    return this.snapshot?.metadata.index;
  }

  maybeTerm(index: LogIndex): Term | undefined {
    if (index < this.offset) {
      const metadata = this.snapshot?.metadata;
      return metadata?.index === index ? metadata.term : undefined;
    }
    return this.entries[index - this.offset]?.term;
  }

  /** The entries that are not in progress. */
  nextEntries(): readonly Entry[] {
    return this.entries.slice(this.offsetInProgress - this.offset);
  }

  hasNextEntries(): boolean {
    return this.offsetInProgress < this.offset + this.entries.length;
  }

  nextSnapshot(): Snapshot | undefined {
    return this.snapshotInProgress ? undefined : this.snapshot;
  }

  /** Marks everything as on its way to the disk. */
  acceptInProgress(): void {
    this.offsetInProgress = this.offset + this.entries.length;
    if (this.snapshot !== undefined) this.snapshotInProgress = true;
  }

  /**
   * Entries up to `index` are durable, if the entry written there had this `term`. Otherwise the
   * answer is about entries that were replaced meanwhile, and says nothing of the present ones.
   *
   * A matching term alone does not exclude ABA: 5/2 is being written, a leader of term 3 replaces it
   * by 5/3, one of term 4 by 5/2 again, and the answer to the first write comes in. Therefore the
   * node drops answers to storage messages of an earlier term of its own (see etcd-io/raft,
   * newStorageAppendRespMsg); within one term a leader never rewrites its entries.
   */
  stableTo(index: LogIndex, term: Term): void {
    // Below the offset the term could only be that of the snapshot, which has its own stableSnapTo.
    if (index < this.offset || this.maybeTerm(index) !== term) return;
    this.entries = this.entries.slice(index + 1 - this.offset);
    this.offset = index + 1;
    this.offsetInProgress = Math.max(this.offsetInProgress, this.offset);
  }

  stableSnapTo(index: LogIndex): void {
    if (this.snapshot?.metadata.index !== index) return;
    this.snapshot = undefined;
    this.snapshotInProgress = false;
  }

  /** The log becomes the snapshot alone. */
  restore(snapshot: Snapshot): void {
    this.offset = snapshot.metadata.index + 1;
    this.offsetInProgress = this.offset;
    this.entries = [];
    this.snapshot = snapshot;
    this.snapshotInProgress = false;
  }

  /** Adds consecutive entries, which replace all those at or after the first one's index. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const first = entries[0]!.index;
    if (first <= this.offset) {
      // Everything is replaced: what is in progress is void, the new entries are written over it.
      this.entries = entries.slice();
      this.offset = first;
      this.offsetInProgress = first;
      return;
    }
    assert(
      first <= this.offset + this.entries.length,
      () => `append at ${first} leaves a gap after ${this.offset + this.entries.length - 1}`,
    );
    this.entries.length = first - this.offset;
    for (const entry of entries) this.entries.push(entry);
    this.offsetInProgress = Math.min(this.offsetInProgress, first);
  }

  /** Entries in [low, high), as a copy: later appends do not show in it. */
  slice(low: LogIndex, high: LogIndex): readonly Entry[] {
    assert(low <= high, () => `slice [${low}, ${high})`);
    const end = this.offset + this.entries.length;
    assert(
      low >= this.offset && high <= end,
      () => `slice [${low}, ${high}) is out of [${this.offset}, ${end})`,
    );
    return this.entries.slice(low - this.offset, high - this.offset);
  }
}
