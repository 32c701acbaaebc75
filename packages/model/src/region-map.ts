import { assert, compareBytes, type RegionId } from '@tinykv/base';
import { compareEnds, type KeyRange, rangeContains, rangesOverlap } from './key-range.js';

/** What the map needs of its values. */
export interface Ranged {
  readonly id: RegionId;
  readonly range: KeyRange;
}

function equalRanges(a: KeyRange, b: KeyRange): boolean {
  return compareBytes(a.start, b.start) === 0 && compareEnds(a.end, b.end) === 0;
}

/**
 * Ranges that never overlap, ordered by start key: the Regions of a store, of the scheduler, of a
 * client's cache. Invariant: sorted by start, and each end ≤ the next start.
 */
export class RegionMap<T extends Ranged> {
  readonly #sorted: T[] = [];
  readonly #byId = new Map<RegionId, T>();

  get size(): number {
    return this.#sorted.length;
  }

  get(id: RegionId): T | undefined {
    return this.#byId.get(id);
  }

  /** All values in key order; do not change the map while iterating. */
  values(): readonly T[] {
    return this.#sorted;
  }

  /** The value whose range contains the key. */
  find(key: Uint8Array): T | undefined {
    const value = this.#sorted[this.#upperBound(key) - 1];
    return value !== undefined && rangeContains(value.range, key) ? value : undefined;
  }

  /** The first value whose range contains the key or lies behind it. */
  findFrom(key: Uint8Array): T | undefined {
    return this.find(key) ?? this.#sorted[this.#upperBound(key)];
  }

  /** The value that ends exactly where the one with this start begins. */
  findPrevious(start: Uint8Array): T | undefined {
    const value = this.#sorted[this.#lowerBound(start) - 1];
    return value !== undefined && compareEnds(value.range.end, start) === 0 && start.length > 0
      ? value
      : undefined;
  }

  overlapping(range: KeyRange): T[] {
    const out: T[] = [];
    for (let i = Math.max(0, this.#upperBound(range.start) - 1); i < this.#sorted.length; i++) {
      const value = this.#sorted[i]!;
      if (rangesOverlap(value.range, range)) out.push(value);
      else if (compareBytes(value.range.start, range.start) > 0) break;
    }
    return out;
  }

  /** Values from the one that holds `start`, up to `limit` (0: all), that begin before `end`. */
  scan(start: Uint8Array, end: Uint8Array, limit: number): T[] {
    const out: T[] = [];
    const first = this.findFrom(start);
    if (first === undefined) return out;
    for (let i = this.#lowerBound(first.range.start); i < this.#sorted.length; i++) {
      const value = this.#sorted[i]!;
      if (end.length > 0 && compareBytes(value.range.start, end) >= 0) break;
      if (limit > 0 && out.length >= limit) break;
      out.push(value);
    }
    return out;
  }

  /** Adds or replaces (by id); nothing else may overlap it. */
  set(value: T): void {
    if (this.#replaceInPlace(value) !== undefined) return;
    this.delete(value.id);
    const clash = this.overlapping(value.range)[0];
    assert(clash === undefined, () => `region ${value.id} overlaps region ${clash?.id}`);
    this.#sorted.splice(this.#lowerBound(value.range.start), 0, value);
    this.#byId.set(value.id, value);
  }

  /** Adds it in place of all that overlaps it; returns what went, the former value of its id included. */
  replaceOverlapping(value: T): T[] {
    const same = this.#replaceInPlace(value);
    if (same !== undefined) return [same];
    const gone = this.overlapping(value.range);
    const former = this.#byId.get(value.id);
    if (former !== undefined && !gone.includes(former)) gone.push(former);
    for (const other of gone) this.delete(other.id);
    this.set(value);
    return gone;
  }

  delete(id: RegionId): T | undefined {
    const value = this.#byId.get(id);
    if (value === undefined) return undefined;
    const at = this.#lowerBound(value.range.start);
    assert(this.#sorted[at] === value, () => `region ${id} is not where its start key says`);
    this.#sorted.splice(at, 1);
    this.#byId.delete(id);
    return value;
  }

  clear(): void {
    this.#sorted.length = 0;
    this.#byId.clear();
  }

  /** The common case: the value of an id changes, its range does not, so the order stays as it is. */
  #replaceInPlace(value: T): T | undefined {
    const former = this.#byId.get(value.id);
    if (former === undefined || !equalRanges(former.range, value.range)) return undefined;
    const at = this.#lowerBound(value.range.start);
    assert(this.#sorted[at] === former, () => `region ${value.id} is not where its start key says`);
    this.#sorted[at] = value;
    this.#byId.set(value.id, value);
    return former;
  }

  /** Index of the first value with start ≥ key. */
  #lowerBound(key: Uint8Array): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes(this.#sorted[middle]!.range.start, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Index of the first value with start > key. */
  #upperBound(key: Uint8Array): number {
    let low = 0;
    let high = this.#sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes(this.#sorted[middle]!.range.start, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
