import { keyString } from '@tinykv/base';
import type { KeyRange } from '@tinykv/model';

/** Distinct names of keys (`keyString`) that are looked up by range. They are sorted when they are needed. */
export class SortedNames {
  /** Sorted up to what came since the last look. */
  readonly #names: string[] = [];
  #isSorted = true;

  /** The caller sees to it that the name is new. */
  add(name: string): void {
    this.#names.push(name);
    this.#isSorted = false;
  }

  all(): readonly string[] {
    // Cheap for a few new names behind many sorted ones: the sort merges runs.
    if (!this.#isSorted) this.#names.sort(compareNames);
    this.#isSorted = true;
    return this.#names;
  }

  /** Names of the keys in a range, in key order. */
  *range({ start, end }: KeyRange): Generator<string, void, undefined> {
    const names = this.all();
    const stop = end.length === 0 ? undefined : keyString(end);
    for (let i = lowerBound(names, keyString(start)); i < names.length; i++) {
      const name = names[i]!;
      if (stop !== undefined && name >= stop) return;
      yield name;
    }
  }
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
