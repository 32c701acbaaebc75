import type { Rng } from '@tinykv/base';

/** Writes of unknown outcome after which a key is left alone: each doubles what a checker must try. */
const UNKNOWN_MAX = 6;

/** One of few keys that clients share. */
export interface KeySlot {
  readonly at: number;
  /** Counts up when the key is left for a new one. */
  generation: number;
  /** Operations of unknown outcome on the present key. */
  unknown: number;
  ops: number;
}

/** The keys of a workload; one that has become too hard to judge is left for a new one. */
export class KeySlots {
  readonly #slots: readonly KeySlot[];
  readonly #opsMax: number;
  readonly #skew: number;

  /** With a skew above 1 the first keys are picked more than the others. */
  constructor(keys: number, opsMax: number, skew: number = 1) {
    this.#opsMax = opsMax;
    this.#skew = skew;
    this.#slots = Array.from({ length: keys }, (_, at) => ({
      at,
      generation: 0,
      unknown: 0,
      ops: 0,
    }));
  }

  /** The key of the next operation, which is counted. */
  pick(rng: Rng): KeySlot {
    const at = Math.floor(rng.float() ** this.#skew * this.#slots.length);
    return this.#counted(this.#slots[at]!);
  }

  /** The keys of one operation on a row of them, each counted. */
  pickRow(rng: Rng): readonly KeySlot[] {
    const from = rng.int(0, this.#slots.length);
    const to = rng.int(from, this.#slots.length) + 1;
    return this.#slots.slice(from, to).map((slot) => this.#counted(slot));
  }

  #counted(slot: KeySlot): KeySlot {
    if (slot.unknown >= UNKNOWN_MAX || slot.ops >= this.#opsMax) {
      slot.generation++;
      slot.unknown = 0;
      slot.ops = 0;
    }
    slot.ops++;
    return slot;
  }
}
