import { assert } from '@tinykv/base';

/** Nobody waits for the answer any more, but it may still come: until then its id is not given again. */
const ABANDONED = Symbol('abandoned');

/**
 * What is in flight on one stream, by small ids that are given again once their answers have come.
 *
 * A plain array of slots, and no Map: V8 links the tables that a Map outgrows, each to the next, and once one of them
 * is in the old generation all that was in later ones is kept with it until the next full collection.
 */
export class Inflight<T extends object> {
  readonly #limit: number;
  #slots: (T | typeof ABANDONED | undefined)[] = [];
  #free: number[] = [];
  #abandoned = 0;

  /** At most so many at once. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Answers that may still come. */
  get size(): number {
    return this.#slots.length - this.#free.length;
  }

  /** Those that somebody waits for. */
  get awaited(): number {
    return this.size - this.#abandoned;
  }

  /** The id, from 1 on. */
  add(value: T): number {
    assert(this.size < this.#limit, () => `more than ${this.#limit} in flight`);
    const slot = this.#free.pop() ?? this.#slots.length;
    this.#slots[slot] = value;
    return slot + 1;
  }

  /** Its answer has come. Undefined: nobody waits for it, or it was never asked for. */
  take(id: number): T | undefined {
    const value = this.#slots[id - 1];
    if (value === undefined) return undefined;
    this.#slots[id - 1] = undefined;
    this.#free.push(id - 1);
    if (value !== ABANDONED) return value;
    this.#abandoned--;
    return undefined;
  }

  /** Waits no longer for those of which this is true. */
  abandonWhere(isLate: (value: T) => boolean): T[] {
    const out: T[] = [];
    for (const [slot, value] of this.#slots.entries()) {
      if (value === undefined || value === ABANDONED || !isLate(value)) continue;
      this.#slots[slot] = ABANDONED;
      this.#abandoned++;
      out.push(value);
    }
    return out;
  }

  /** The stream has ended: no answer will come. What was waited for. */
  clear(): T[] {
    const out = this.abandonWhere(() => true);
    this.#slots = [];
    this.#free = [];
    this.#abandoned = 0;
    return out;
  }
}
