import { assert, KvError, limits, type Term } from '@tinykv/base';
import type { StateGroup } from './state-group.js';

/** Ids are taken from the replicated state in windows of this many; a restart skips what is left of one. */
const WINDOW = 1_000;

/**
 * One strictly increasing sequence for stores, Regions and peers. Windows are reserved by
 * compare-and-set in the replicated state, so two leaders never share one.
 */
export class IdAllocator {
  readonly #group: StateGroup;
  /** The last id given out, and the last of the window. */
  #last = 0;
  #end = 0;
  #term: Term | undefined;
  #refilling = false;
  /** Requests are served one after the other: ids are given in the order of the calls. */
  #tail: Promise<unknown> = Promise.resolve();

  constructor(group: StateGroup) {
    this.#group = group;
  }

  async allocate(): Promise<number> {
    const [id] = await this.allocateMany(1);
    assert(id !== undefined, 'one id was asked for');
    return id;
  }

  /** An id out of the reserved window at once; undefined when a new one has to be reserved first. */
  tryAllocate(): number | undefined {
    if (this.#term === this.#group.leaderTerm() && this.#last < this.#end) return ++this.#last;
    if (!this.#refilling) {
      this.#refilling = true;
      const done = (): void => {
        this.#refilling = false;
      };
      // A failure shows as the next undefined: the caller asks again for as long as it wants one.
      this.#enqueue(() => this.#ensureWindow()).then(done, done);
    }
    return undefined;
  }

  /** Consecutive in order, though not always in number. Rejects with KvError when this member does not lead. */
  allocateMany(count: number): Promise<number[]> {
    assert(count > 0 && count <= limits.idsPerRequestMax, () => `${count} ids at once`);
    return this.#enqueue(() => this.#take(count));
  }

  #enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(work);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  async #take(count: number): Promise<number[]> {
    const out: number[] = [];
    while (out.length < count) {
      await this.#ensureWindow();
      while (out.length < count && this.#last < this.#end) out.push(++this.#last);
    }
    return out;
  }

  async #ensureWindow(): Promise<void> {
    if (this.#term === this.#group.leaderTerm() && this.#last < this.#end) return;
    const term = this.#group.leaderTerm();
    if (term === undefined) throw new KvError('UNAVAILABLE', 'not leader');
    const from = this.#group.state.idBound;
    const to = from + WINDOW;
    const outcome = await this.#group.propose({ type: 'reserve-ids', from, to });
    if (outcome !== 'done') throw new KvError('UNAVAILABLE', `ids not reserved: ${outcome}`);
    this.#term = term;
    this.#last = from;
    this.#end = to;
  }
}
