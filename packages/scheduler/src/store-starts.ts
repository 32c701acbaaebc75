import type { Clock, StoreId } from '@tinykv/base';
import type { StoreMeta } from '@tinykv/model';

/** When a process first asked for a place that may be another's. */
interface Asked {
  readonly startToken: number;
  /** Monotonic ms. */
  readonly at: number;
}

/**
 * Whether a process may have a store's id at another address. A store that has moved is silent at the old
 * address; a copy of a living store's folder is not. `perhaps-taken`: the store may only just have died there, so
 * the process is to ask again; `taken`: it has been heard of there since the process began to ask.
 */
export type Place = 'free' | 'perhaps-taken' | 'taken';

/** Tells copies of stores from stores that move, in the memory of the leader. */
export class StoreStarts {
  readonly #clock: Clock;
  readonly #disconnectedMs: number;
  /** At most one a store: the last that asked. */
  readonly #asked = new Map<StoreId, Asked>();

  constructor(clock: Clock, disconnectedMs: number) {
    this.#clock = clock;
    this.#disconnectedMs = disconnectedMs;
  }

  /** `heardAt`: when the known store last spoke, by monotonic time. */
  placeOf(store: StoreMeta, known: StoreMeta | undefined, heardAt: number): Place {
    const { id, address, startToken } = store;
    const isElsewhere = known !== undefined && known.address !== address;
    const now = this.#clock.mono();
    // Who does not say which start it is, as TinyKV's stores, moves as it likes.
    if (startToken === undefined || !isElsewhere || now - heardAt > this.#disconnectedMs) {
      this.#asked.delete(id);
      return 'free';
    }
    let asked = this.#asked.get(id);
    if (asked?.startToken !== startToken) {
      asked = { startToken, at: now };
      this.#asked.set(id, asked);
    }
    return heardAt > asked.at ? 'taken' : 'perhaps-taken';
  }
}

/** How the start that reports compares with the one that is registered. */
export function compareStarts(
  startToken: number | undefined,
  known: StoreMeta,
): 'same' | 'older' | 'newer' {
  if (startToken === undefined || known.startToken === undefined) return 'same';
  if (startToken === known.startToken) return 'same';
  return startToken < known.startToken ? 'older' : 'newer';
}

export function fencedText({ id, address, startToken = 0 }: StoreMeta, older: number): string {
  return `store ${id} was started again at ${address} (start ${startToken}; this one is ${older})`;
}
