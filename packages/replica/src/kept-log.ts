import type { LogIndex, PeerId } from '@tinykv/base';

interface Kept {
  /** Entries behind this one are kept. */
  readonly index: LogIndex;
  /** Monotonic; a follower that has not caught up by then gets another snapshot. */
  readonly until: number;
}

/**
 * The part of a leader's log that followers need which are being sent a snapshot, or are catching up with what was
 * written meanwhile: a snapshot would be useless on arrival if the log began behind it.
 */
export class KeptLog {
  readonly #keepMs: number;
  readonly #kept = new Map<PeerId, Kept>();

  constructor(keepMs: number) {
    this.#keepMs = keepMs;
  }

  keep(id: PeerId, index: LogIndex, now: number): void {
    this.#kept.set(id, { index, until: now + this.#keepMs });
  }

  release(id: PeerId): void {
    this.#kept.delete(id);
  }

  clear(): void {
    this.#kept.clear();
  }

  /**
   * The last entry that may be truncated. A follower is level once it has the entry `level`, from where on
   * the usual rules keep what it needs.
   */
  bound(now: number, level: LogIndex, matchOf: (id: PeerId) => LogIndex | undefined): LogIndex {
    let bound = Number.POSITIVE_INFINITY;
    for (const [id, { index, until }] of this.#kept) {
      const match = matchOf(id);
      if (match === undefined || match >= Math.max(level, index) || now >= until) {
        this.#kept.delete(id);
      } else {
        bound = Math.min(bound, Math.max(index, match));
      }
    }
    return bound;
  }
}
