import { keyString } from '@tinykv/base';
import type { KeyRange } from '@tinykv/model';

/** So many new names wait beside the others before all are sorted together. */
const FRESH_MAX = 1_024;

/**
 * Distinct names of keys (`keyString`) that are looked up by range. They are sorted when they are needed: those that
 * are few and new by themselves, so that a look costs little between two additions to many.
 */
export class SortedNames {
  /** Sorted. */
  readonly #names: string[] = [];
  /** Sorted up to what came since the last look. */
  #fresh: string[] = [];
  #isFreshSorted = true;

  /** The caller sees to it that the name is new. */
  add(name: string): void {
    this.#fresh.push(name);
    this.#isFreshSorted = false;
  }

  /** In key order. */
  all(): readonly string[] {
    if (this.#fresh.length === 0) return this.#names;
    for (const name of this.#fresh) this.#names.push(name);
    this.#fresh = [];
    this.#isFreshSorted = true;
    // Cheap for a few new names behind many sorted ones: the sort merges runs.
    this.#names.sort(compareNames);
    return this.#names;
  }

  /** The first names of a range in key order, or with `reverse` the last, downwards; `most` of them at most. */
  take({ start, end }: KeyRange, reverse: boolean, most: number): string[] {
    if (this.#fresh.length > FRESH_MAX) this.all();
    if (!this.#isFreshSorted) this.#fresh.sort(compareNames);
    this.#isFreshSorted = true;
    const from = keyString(start);
    const to = end.length === 0 ? undefined : keyString(end);
    const some = takeOf(this.#names, from, to, reverse, most);
    const fresh = takeOf(this.#fresh, from, to, reverse, most);
    if (fresh.length === 0) return some;
    const both = [...some, ...fresh].sort(compareNames);
    return (reverse ? both.reverse() : both).slice(0, most);
  }
}

/** From `from` (inclusive) to `to` (exclusive; undefined: no end). */
function takeOf(
  names: readonly string[],
  from: string,
  to: string | undefined,
  reverse: boolean,
  most: number,
): string[] {
  const low = lowerBound(names, from);
  const high = to === undefined ? names.length : lowerBound(names, to);
  if (low >= high) return [];
  if (!reverse) return names.slice(low, Math.min(high, low + most));
  return names.slice(Math.max(low, high - most), high).reverse();
}

// Names have one char per byte, so the order of strings is the order of the bytes.
function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function lowerBound(names: readonly string[], name: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (names[middle]! < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
