import { assert, equalBytes } from '@tinykv/base';
import type { Entry, Message } from '../src/index.js';
import type { ClusterNode } from './cluster.js';

/**
 * Raft's promises (figure 3 of the paper), watched from outside over the whole life of a cluster. Each
 * breach throws InvariantError.
 */
export class Invariants {
  /** What was applied at each index, by whoever came first. */
  readonly applied: Map<number, Entry> = new Map();
  readonly #leaders = new Map<number, number>();
  /** The term in which the first node to apply an index was: no lower than that of its commit. */
  readonly #appliedIn = new Map<number, number>();
  /** Every entry that was ever written anywhere, by its index and term, with the term before it. */
  readonly #written = new Map<string, { readonly entry: Entry; readonly before: number }>();

  /**
   * Election safety: one leader a term. Leader completeness: what was committed in earlier terms is in
   * its log. To be called when its storage work stands in `appendWork`.
   */
  leads(node: ClusterNode): void {
    const { term } = node.raw;
    const known = this.#leaders.get(term);
    if (known !== undefined) {
      assert(known === node.id, () => `${known} and ${node.id} both lead in term ${term}`);
      return;
    }
    this.#leaders.set(term, node.id);
    for (const [index, entry] of this.applied) {
      if (this.#appliedIn.get(index)! >= term) continue;
      const found = termAt(node, index);
      assert(
        found === 'compacted' || found === entry.term,
        () =>
          `${node.id} leads in ${term} with ${found}/${index}, applied is ${entry.term}/${index}`,
      );
    }
  }

  /**
   * Log matching: an entry is named by its index and term, and it names all that precede it. That holds
   * for all logs at all times if each entry has one content and one predecessor.
   */
  wrote(node: ClusterNode, entries: readonly Entry[]): void {
    for (const entry of entries) {
      const before = node.storage.term(entry.index - 1);
      if (typeof before !== 'number') continue;
      const name = `${entry.term}/${entry.index}`;
      const first = this.#written.get(name);
      if (first === undefined) {
        this.#written.set(name, { entry, before });
        continue;
      }
      assert(sameEntry(first.entry, entry), () => `${node.id} has another ${name}`);
      assert(first.before === before, () => `${node.id} has ${name} after ${before}`);
    }
  }

  /** State machine safety: all apply the same at each index, one after the other. */
  applies(node: ClusterNode, entry: Entry): void {
    const { index } = entry;
    assert(
      index === node.appliedIndex + 1,
      () => `${node.id} applies ${index} after ${node.appliedIndex}`,
    );
    const known = this.applied.get(index);
    if (known === undefined) {
      this.applied.set(index, entry);
      this.#appliedIn.set(index, node.raw.term);
      return;
    }
    assert(
      sameEntry(known, entry),
      () => `${node.id} applies ${entry.term}/${index}, another node ${known.term}/${index}`,
    );
  }
}

function sameEntry(a: Entry, b: Entry): boolean {
  return a.term === b.term && a.type === b.type && equalBytes(a.data, b.data);
}

/** The term at `index` in the log of a node, with what is on its way to its disk. */
function termAt(node: ClusterNode, index: number): number | 'compacted' | 'missing' {
  for (const work of node.appendWork.toReversed()) {
    const found = termIn(work, index);
    if (found !== undefined) return found;
  }
  const stored = node.storage.term(index);
  return stored === 'unavailable' ? 'missing' : stored;
}

/** Undefined when this write says nothing of `index`. */
function termIn(work: Message, index: number): number | 'compacted' | 'missing' | undefined {
  const first = work.entries[0];
  if (first !== undefined && first.index <= index) {
    return work.entries[index - first.index]?.term ?? 'missing';
  }
  const metadata = work.snapshot?.metadata;
  if (metadata === undefined) return undefined;
  return index <= metadata.index ? 'compacted' : 'missing';
}
