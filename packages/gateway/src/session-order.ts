import { assert } from '@tinykv/base';
import { nameOf, type TouchedKey } from './model/redis-txn.js';

export interface Turn {
  /** It has to go through the queue of its keys, behind what this session has there already. */
  readonly queued: boolean;
  leave(): void;
}

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

  /** Undefined when the command has to wait for one before it. */
  enter(keys: readonly TouchedKey[], writes: boolean): Turn | undefined {
    const names = [...new Set(keys.map(nameOf))];
    const known = names.map((name) => this.#keys.get(name));
    const queued = writes || known.some((entry) => entry !== undefined && entry.queued > 0);
    if (queued && known.some((entry) => entry !== undefined && entry.direct > 0)) return undefined;
    for (const name of names) {
      const entry = this.#keys.get(name) ?? { queued: 0, direct: 0 };
      if (queued) entry.queued++;
      else entry.direct++;
      this.#keys.set(name, entry);
    }
    return { queued, leave: () => this.#leave(names, queued) };
  }

  #leave(names: readonly string[], queued: boolean): void {
    for (const name of names) {
      const entry = this.#keys.get(name);
      assert(entry !== undefined, 'a command leaves once');
      if (queued) entry.queued--;
      else entry.direct--;
      if (entry.queued === 0 && entry.direct === 0) this.#keys.delete(name);
    }
  }
}
