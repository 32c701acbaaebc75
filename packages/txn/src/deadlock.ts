import { keyString, limits, type Timestamp } from '@tinykv/base';
import type { WaitForEdge } from '@tinykv/model';

interface Edge extends WaitForEdge {
  /** Milliseconds of the clock that the caller reads. */
  expiresAt: number;
}

/** The waits of one transaction, by what it waits for and the key. */
type Waits = Map<string, Edge>;

/**
 * Which transactions wait for which others, as far as stores have told lately. A wait that would close a
 * cycle is not taken in, so that its transaction gives way and the others go on.
 *
 * Invariant: there is no cycle among edges that have not expired.
 */
export class WaitForGraph {
  readonly #ttlMs: number;
  readonly #edgesMax: number;
  readonly #waits = new Map<Timestamp, Waits>();
  #edges = 0;
  #searched = 0;

  constructor(ttlMs: number, edgesMax: number) {
    this.#ttlMs = ttlMs;
    this.#edgesMax = edgesMax;
  }

  /** Those that are known, expired ones among them that nobody has come across. */
  get edges(): number {
    return this.#edges;
  }

  /** Edges that all searches have looked at: the work that they were. */
  get searched(): number {
    return this.#searched;
  }

  /**
   * Takes in a wait that begins or goes on. The cycle that it would close, in the order of waiting and from this
   * wait on; undefined: there is none, or none that a bounded search finds. When full, or when the search was cut off, the
   * wait is ignored: the lock-wait time-out breaks such a cycle.
   */
  add(wait: WaitForEdge, nowMs: number): readonly WaitForEdge[] | undefined {
    const expiresAt = nowMs + this.#ttlMs;
    const known = this.#waits.get(wait.txn)?.get(nameOf(wait));
    if (known !== undefined && known.expiresAt > nowMs) {
      known.expiresAt = expiresAt;
      return undefined;
    }
    const path = this.#path(wait.waitForTxn, wait.txn, nowMs);
    if (path === 'too-far') return undefined;
    if (path !== undefined) return [wait, ...path];
    if (known === undefined) this.#insert(wait, expiresAt, nowMs);
    else known.expiresAt = expiresAt;
    return undefined;
  }

  remove(wait: WaitForEdge): void {
    const waits = this.#waits.get(wait.txn);
    if (waits?.delete(nameOf(wait)) !== true) return;
    this.#edges -= 1;
    if (waits.size === 0) this.#waits.delete(wait.txn);
  }

  clear(): void {
    this.#waits.clear();
    this.#edges = 0;
  }

  #insert(wait: WaitForEdge, expiresAt: number, nowMs: number): void {
    if (this.#edges >= this.#edgesMax) this.#dropExpired(nowMs);
    if (this.#edges >= this.#edgesMax) return;
    let waits = this.#waits.get(wait.txn);
    if (waits === undefined) {
      waits = new Map();
      this.#waits.set(wait.txn, waits);
    }
    const { txn, waitForTxn, key } = wait;
    waits.set(nameOf(wait), { txn, waitForTxn, key, expiresAt });
    this.#edges += 1;
  }

  #dropExpired(nowMs: number): void {
    for (const waits of this.#waits.values()) {
      for (const edge of waits.values()) if (edge.expiresAt <= nowMs) this.remove(edge);
    }
  }

  /** The waits that lead from one transaction to another, fewest first; expired ones are forgotten on the way. */
  #path(
    from: Timestamp,
    to: Timestamp,
    nowMs: number,
  ): readonly WaitForEdge[] | 'too-far' | undefined {
    let looked = 0;
    if (from === to) return [];
    const reachedBy = new Map<Timestamp, Edge>();
    const queue = [from];
    for (const txn of queue) {
      for (const edge of this.#waits.get(txn)?.values() ?? []) {
        looked += 1;
        this.#searched += 1;
        if (looked > limits.deadlockSearchEdgesMax) return 'too-far';
        if (edge.expiresAt <= nowMs) {
          this.remove(edge);
          continue;
        }
        const next = edge.waitForTxn;
        if (next === from || reachedBy.has(next)) continue;
        reachedBy.set(next, edge);
        if (next === to) return pathTo(to, from, reachedBy);
        queue.push(next);
      }
    }
    return undefined;
  }
}

function pathTo(
  to: Timestamp,
  from: Timestamp,
  reachedBy: ReadonlyMap<Timestamp, Edge>,
): WaitForEdge[] {
  const path: WaitForEdge[] = [];
  for (let at = to; at !== from; ) {
    const { txn, waitForTxn, key } = reachedBy.get(at)!;
    path.push({ txn, waitForTxn, key });
    at = txn;
  }
  return path.reverse();
}

function nameOf({ waitForTxn, key }: WaitForEdge): string {
  return `${waitForTxn}/${keyString(key)}`;
}
