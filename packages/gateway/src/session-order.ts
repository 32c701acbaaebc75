import { assert } from '@tinykv/base';

/**
 * How a command takes its place. `queued`: through the queue of its keys, behind what this session has there already.
 * `direct`: past it.
 */
export type Place = 'queued' | 'direct';

interface InFlight {
  /** Commands that stand in the key's queue. */
  queued: number;
  /** Reads that do not. */
  direct: number;
}

/**
 * Keeps the commands of one session in order on each key. Writes take turns in the key's queue anyway. A
 * read passes it by unless the session has something in it; a write waits for reads that passed.
 */
export class SessionOrder {
  readonly #keys = new Map<string, InFlight>();

  /** Undefined when the command has to wait for one before it. The names are distinct. */
  enter(names: readonly string[], writes: boolean): Place | undefined {
    let isQueued = writes;
    let hasDirect = false;
    for (const name of names) {
      const entry = this.#keys.get(name);
      if (entry === undefined) continue;
      if (entry.queued > 0) isQueued = true;
      if (entry.direct > 0) hasDirect = true;
    }
    if (isQueued && hasDirect) return undefined;
    for (const name of names) {
      const entry = this.#keys.get(name);
      if (entry === undefined) {
        this.#keys.set(name, isQueued ? { queued: 1, direct: 0 } : { queued: 0, direct: 1 });
      } else if (isQueued) entry.queued++;
      else entry.direct++;
    }
    return isQueued ? 'queued' : 'direct';
  }

  leave(names: readonly string[], place: Place): void {
    for (const name of names) {
      const entry = this.#keys.get(name);
      assert(entry !== undefined, 'a command leaves once');
      entry[place]--;
      if (entry.queued === 0 && entry.direct === 0) this.#keys.delete(name);
    }
  }
}
