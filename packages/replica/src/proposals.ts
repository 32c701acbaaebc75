import { assert, type LogIndex, type Term } from '@tinykv/base';

/** What waiters are told whose entry this replica will not apply. Each waiter is told once. */
export interface ProposalHost<W> {
  /** Another entry is committed in its place: the proposal certainly never takes effect. */
  replaced(waiters: readonly W[]): void;
  /** The proposal may or may not take effect, now or later. */
  unknown(waiters: readonly W[], why: string): void;
}

interface Proposal<W> {
  readonly index: LogIndex;
  readonly term: Term;
  readonly waiters: readonly W[];
}

/**
 * The entries that this replica has appended as a leader and whose waiters do not know the outcome yet.
 *
 * An entry is known by its index AND its term, since another leader may put another entry at the same
 * index. The story behind it, with leader A of term 2 and B:
 * 1. A appends 11 to 18 and is cut off before anybody has them.
 * 2. B leads in term 3 and writes 11 to 13 only. A follows, drops its tail, and applies them.
 * 3. A leads again, in term 4, and appends 15 for a new client.
 * A queue ordered by index alone still holds 14 to 18 of term 2: the new client waits behind 18, and is
 * told "stale command" when the old 15 is compared with the applied one. The write took effect, the
 * client sends it again, and it takes effect twice (named-waiters.test.ts of the simulator).
 *
 * Invariant: along the queue indexes rise and terms never fall.
 */
export class Proposals<W> {
  readonly #host: ProposalHost<W>;
  #queue: Proposal<W>[] = [];
  #size = 0;

  constructor(host: ProposalHost<W>) {
    this.#host = host;
  }

  /** Waiters that have not been told anything. */
  get size(): number {
    return this.#size;
  }

  track(index: LogIndex, term: Term, waiters: readonly W[]): void {
    if (waiters.length === 0) return;
    const last = this.#queue.at(-1);
    assert(
      last === undefined || (last.index < index && last.term <= term),
      () => `proposal ${index} of term ${term} after ${last?.index} of term ${last?.term}`,
    );
    this.#queue.push({ index, term, waiters });
    this.#size += waiters.length;
  }

  /** The waiters of an entry that is being applied, who are for the caller to answer. */
  take(index: LogIndex, term: Term): readonly W[] {
    for (;;) {
      const first = this.#queue[0];
      if (first === undefined || isAhead(first, index, term)) return [];
      assert(first.index >= index, () => `${first.index} is applied after ${index}`);
      this.#queue.shift();
      this.#size -= first.waiters.length;
      if (first.index === index && first.term === term) return first.waiters;
      this.#host.replaced(first.waiters);
    }
  }

  /** A snapshot that ends with this entry took the place of the log up to it. */
  skipTo(index: LogIndex, term: Term): void {
    const why = 'a snapshot replaced the entry';
    for (;;) {
      const first = this.#queue[0];
      if (first === undefined || isAhead(first, index, term)) return;
      this.#queue.shift();
      this.#size -= first.waiters.length;
      // No entry before the snapshot's last one has a higher term than that.
      if (first.index > index || first.term > term) this.#host.replaced(first.waiters);
      else this.#host.unknown(first.waiters, why);
    }
  }

  /**
   * Leadership was lost, or `leads` is the term of a newer one. What is not committed may be committed by
   * another leader or never, and this replica may be the last to hear of it. Up to the commit index
   * nothing is unknown: those entries are about to be applied here, and show whether they are the proposed ones.
   */
  release(leads: Term | undefined, committed: LogIndex): void {
    if (this.#queue.length === 0) return;
    const queue = this.#queue;
    this.#queue = queue.filter(({ index, term }) => term === leads || index <= committed);
    for (const proposal of queue) {
      if (proposal.term === leads || proposal.index <= committed) continue;
      this.#size -= proposal.waiters.length;
      this.#host.unknown(proposal.waiters, 'leadership was lost before the entry was committed');
    }
  }

  /** Nothing will be applied here any more. */
  abandon(why: string): void {
    const queue = this.#queue;
    this.#queue = [];
    this.#size = 0;
    for (const { waiters } of queue) this.#host.unknown(waiters, why);
  }
}

/** Whether it can still be applied after this entry. Terms never fall along a log, so none below may follow. */
function isAhead(proposal: Proposal<unknown>, index: LogIndex, term: Term): boolean {
  return proposal.index > index && proposal.term >= term;
}
