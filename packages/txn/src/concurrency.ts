import { assert, keyString, maxTimestamp, type Timestamp, TS_MAX, TS_ZERO } from '@tinykv/base';

/** A key that is being committed in one phase, or prewritten for async commit: reads at or above the timestamp must wait for it. */
export interface MemoryLock {
  readonly key: Uint8Array;
  readonly commitTs: Timestamp;
  readonly released: Promise<void>;
}

export interface MemoryLocks {
  /** The commit timestamp, or the lowest that async commit may give. */
  readonly commitTs: Timestamp;
  /** To be called once what was proposed is readable, or certainly never will be. */
  release(): void;
}

/**
 * Lets a store choose commit timestamps by itself (TiKV's concurrency manager): they lie above every read that
 * it has served, so no snapshot changes after it was read; and from the choice to the apply, reads that
 * ought to see the commit wait for it.
 *
 * Both happen in one turn: a read is either in `#maxTs` when the timestamp is chosen, or finds the key locked.
 */
export class ConcurrencyManager {
  #maxTs: Timestamp = TS_ZERO;
  /** The highest read whose timestamp nobody could confirm. */
  #unverified: Timestamp = TS_ZERO;
  readonly #locks = new Map<string, MemoryLock>();

  /** Nothing is committed here at or below this timestamp any more, unless it holds a lock now. */
  raiseMaxTs(ts: Timestamp): void {
    // A read at the greatest timestamp wants what is committed, and is no snapshot that could change.
    if (ts !== TS_MAX && ts > this.#maxTs) this.#maxTs = ts;
  }

  /** A read was served at a timestamp that may not have been granted: until that is known no timestamp is chosen. */
  readUnverified(ts: Timestamp): void {
    if (ts > this.#unverified) this.#unverified = ts;
  }

  /** The highest timestamp that stands in the way of choosing one. */
  get unverified(): Timestamp | undefined {
    return this.#unverified > TS_ZERO ? this.#unverified : undefined;
  }

  /** It was granted, and counts as any read; or it was not, and whoever made it up has read nothing that lasts. */
  settleUnverified(wasGranted: boolean): void {
    if (wasGranted) this.raiseMaxTs(this.#unverified);
    this.#unverified = TS_ZERO;
  }

  /** The lock for which a read of the key has to wait. */
  blocking(key: Uint8Array, ts: Timestamp): MemoryLock | undefined {
    if (this.#locks.size === 0) return undefined;
    const lock = this.#locks.get(keyString(key));
    return lock !== undefined && blocks(lock, ts) ? lock : undefined;
  }

  /** The locks for which a scan has to wait that reads the keys that `isRead` names. */
  blockingScan(isRead: (key: Uint8Array) => boolean, ts: Timestamp): readonly MemoryLock[] {
    return [...this.#locks.values()].filter((lock) => blocks(lock, ts) && isRead(lock.key));
  }

  /**
   * Chooses a timestamp above every read that was served, at or above `lowest`, and locks the keys, whose latches
   * the caller holds.
   */
  lockKeys(keys: readonly Uint8Array[], lowest: Timestamp): MemoryLocks {
    const commitTs = maxTimestamp(this.#maxTs + 1n, lowest);
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const names = keys.map(keyString);
    for (const [i, key] of keys.entries()) {
      const name = names[i]!;
      assert(!this.#locks.has(name), 'a key is locked in memory twice at once');
      this.#locks.set(name, { key, commitTs, released });
    }
    return {
      commitTs,
      release: () => {
        for (const name of names) this.#locks.delete(name);
        release();
      },
    };
  }
}

function blocks(lock: MemoryLock, ts: Timestamp): boolean {
  return ts !== TS_MAX && lock.commitTs <= ts;
}
