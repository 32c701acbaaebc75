import { assert } from '@tinykv/base';

/**
 * What is in flight, by ids of which none is used twice.
 *
 * A plain array of slots, and no Map: V8 links the tables that a Map outgrows, each to the next, and once one of them
 * is in the old generation all that was in later ones is kept with it until the next full collection.
 */
export class Inflight<T> {
  readonly #limit: number;
  readonly #slots: ({ readonly id: number; readonly value: T } | undefined)[] = [];
  readonly #free: number[] = [];
  /** Ids count from 1; each names its slot. */
  #round = 1;
  #size = 0;

  /** At most so many at once. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  /** The id. */
  add(value: T): number {
    assert(this.#size < this.#limit, () => `more than ${this.#limit} in flight`);
    const slot = this.#free.pop() ?? this.#slots.length;
    const id = this.#round++ * this.#limit + slot;
    this.#slots[slot] = { id, value };
    this.#size++;
    return id;
  }

  /** Takes it out. Undefined: it has been taken before. */
  take(id: number): T | undefined {
    const slot = id % this.#limit;
    const entry = this.#slots[slot];
    if (entry?.id !== id) return undefined;
    this.#slots[slot] = undefined;
    this.#free.push(slot);
    this.#size--;
    return entry.value;
  }

  /** Takes out all of which this is true. */
  takeWhere(isWanted: (value: T) => boolean): T[] {
    const out: T[] = [];
    for (const entry of this.#slots) {
      if (entry === undefined || !isWanted(entry.value)) continue;
      this.take(entry.id);
      out.push(entry.value);
    }
    return out;
  }
}
