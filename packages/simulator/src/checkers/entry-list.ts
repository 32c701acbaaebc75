import type { Interval } from './history.js';

/**
 * Calls and returns of the known operations in order of time, as a linked list from which an operation
 * is lifted with both its entries. Entry 0 stands before the first; the last one's return ends the list.
 */
export class EntryList {
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #operation: Int32Array;
  readonly #time: Float64Array;
  /** Of a call: the entry of its return. 0 for returns. */
  readonly #return: Int32Array;

  constructor(ops: readonly Interval[]) {
    const points = ops.flatMap((op, at) => [
      { at, time: op.call, isReturn: 0 },
      { at, time: op.ret, isReturn: 1 },
    ]);
    // At equal times calls come first: such operations are concurrent.
    points.sort((a, b) => a.time - b.time || a.isReturn - b.isReturn);
    const size = points.length + 1;
    this.#next = new Int32Array(size);
    this.#previous = new Int32Array(size);
    this.#operation = new Int32Array(size).fill(-1);
    this.#time = new Float64Array(size).fill(Number.POSITIVE_INFINITY);
    this.#return = new Int32Array(size);
    const calls = new Int32Array(ops.length);
    for (const [i, { at, time, isReturn }] of points.entries()) {
      const entry = i + 1;
      this.#next[i] = entry;
      this.#previous[entry] = i;
      this.#operation[entry] = at;
      this.#time[entry] = time;
      if (isReturn === 0) calls[at] = entry;
      else this.#return[calls[at]!] = entry;
    }
    this.#previous[0] = points.length;
  }

  readonly first = (): number => this.#next[0]!;

  after(entry: number): number {
    return this.#next[entry]!;
  }

  isCall(entry: number): boolean {
    return this.#return[entry]! > 0;
  }

  operation(entry: number): number {
    return this.#operation[entry]!;
  }

  time(entry: number): number {
    return this.#time[entry]!;
  }

  /** The first return that is left. */
  barrier(): number {
    let entry = this.first();
    while (this.isCall(entry)) entry = this.after(entry);
    return entry;
  }

  lift(call: number): void {
    for (const entry of [call, this.#return[call]!]) {
      this.#next[this.#previous[entry]!] = this.#next[entry]!;
      this.#previous[this.#next[entry]!] = this.#previous[entry]!;
    }
  }

  /** Undoes the last `lift` that is not undone. */
  unlift(call: number): void {
    for (const entry of [this.#return[call]!, call]) {
      this.#next[this.#previous[entry]!] = entry;
      this.#previous[this.#next[entry]!] = entry;
    }
  }
}
