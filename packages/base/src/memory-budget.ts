import { assert } from './assert.js';

/**
 * Counts the bytes that several holders in one process keep in memory, against one limit. Whoever holds bytes
 * reserves them, also past the limit, when it must hold them; those who may do without ask first, and give up what
 * they can spare once the budget is tight.
 *
 * Invariant: used is the sum of what all holders have reserved and not released.
 */
export class MemoryBudget {
  readonly limit: number;
  #used = 0;

  constructor(limit: number) {
    assert(limit > 0, () => `a budget of ${limit} bytes`);
    this.limit = limit;
  }

  get used(): number {
    return this.#used;
  }

  /** Half of it is used: holders drop what they keep for speed alone. */
  get isTight(): boolean {
    return this.#used > this.limit / 2;
  }

  /** All of it is used: nothing is taken in that can be refused. */
  get isFull(): boolean {
    return this.#used >= this.limit;
  }

  /** Whether so many bytes more stay within the limit. */
  hasRoom(bytes: number): boolean {
    return this.#used + bytes <= this.limit;
  }

  reserve(bytes: number): void {
    assert(bytes >= 0, () => `${bytes} bytes are reserved`);
    this.#used += bytes;
  }

  release(bytes: number): void {
    assert(bytes >= 0 && bytes <= this.#used, () => `${bytes} of ${this.#used} bytes are released`);
    this.#used -= bytes;
  }
}
