import type { LogIndex, Term } from '@tinykv/base';
import type { Entry } from '@tinykv/raft';

/** Indexes in [first, end) with one term. */
export interface TermSpan {
  readonly first: LogIndex;
  readonly end: LogIndex;
  readonly term: Term;
}

/** The terms of consecutive entries, of which there is one at least. */
export function termSpansOf(entries: readonly Pick<Entry, 'index' | 'term'>[]): TermSpan[] {
  const spans = new TermSpans();
  for (const { index, term } of entries) spans.put({ first: index, end: index + 1, term });
  return [...spans.spans];
}

/**
 * The terms of a group's entries while its log is read back, in which copies of old entries stand behind newer
 * ones. Neighbours of one term are one span, so there are about as many as the group has had leaders.
 * Invariant: spans are in order and do not overlap.
 */
export class TermSpans {
  #spans: TermSpan[] = [];

  get spans(): readonly TermSpan[] {
    return this.#spans;
  }

  /** These entries have this term, whatever stood there. */
  put(span: TermSpan): void {
    const last = this.#spans.at(-1);
    if (last === undefined || last.end <= span.first) {
      if (last === undefined || last.end < span.first || last.term !== span.term) {
        this.#spans.push(span);
      } else {
        this.#spans[this.#spans.length - 1] = { ...last, end: span.end };
      }
      return;
    }
    const { first, end } = span;
    const before = this.#spans
      .filter((old) => old.first < first)
      .map((old) => ({ ...old, end: Math.min(old.end, first) }));
    const behind = this.#spans
      .filter((old) => old.end > end)
      .map((old) => ({ ...old, first: Math.max(old.first, end) }));
    this.#spans = [];
    for (const part of [...before, span, ...behind]) {
      const previous = this.#spans.at(-1);
      const isOne = previous?.end === part.first && previous.term === part.term;
      if (isOne) this.#spans[this.#spans.length - 1] = { ...previous, end: part.end };
      else this.#spans.push(part);
    }
  }

  /** Entries at or behind `first` are gone. */
  cut(first: LogIndex): void {
    for (let last = this.#spans.at(-1); last !== undefined && last.end > first; ) {
      this.#spans.pop();
      if (last.first < first) this.#spans.push({ ...last, end: first });
      last = this.#spans.at(-1);
    }
  }

  /** Entries up to and with `index` are gone. */
  dropThrough(index: LogIndex): void {
    const first = index + 1;
    if ((this.#spans[0]?.first ?? first) >= first) return;
    this.#spans = this.#spans
      .filter((span) => span.end > first)
      .map((span) => (span.first < first ? { ...span, first } : span));
  }

  clear(): void {
    this.#spans = [];
  }
}
