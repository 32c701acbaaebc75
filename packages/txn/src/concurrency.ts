import { assert, keyString, maxTimestamp, type Timestamp, TS_MAX, TS_ZERO } from '@tinykv/base';
import { UnprovenReads } from './unproven-reads.js';

/** A key that is being committed in one phase, or prewritten for async commit: reads at or above the timestamp must wait for it. */
export interface MemoryLock {
  readonly key: Uint8Array;
  readonly commitTs: Timestamp;
  readonly released: Promise<void>;
}

export interface MemoryLocks {
  /** The commit timestamp, or the lowest that async commit may give. */
  readonly commitTs: Timestamp;
  /**
   * No read of the keys that was served before they were locked is above it. Where it is not below `commitTs`, what of it
   * was granted must be found out, and the timestamp raised.
   */
  readonly unprovenTs: Timestamp;
  /** To at least `ts`. */
  raise(ts: Timestamp): void;
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
  /** Invariant: granted by the scheduler. A made-up one would drive commits to where no fresh snapshot sees them. */
  #maxTs: Timestamp = TS_ZERO;
  readonly #unproven = new UnprovenReads();
  readonly #locks = new Map<string, MemoryLock>();

  /** Nothing is committed here at or below this granted timestamp any more, unless it holds a lock now. */
  raiseMaxTs(ts: Timestamp): void {
    // A read at the greatest timestamp wants what is committed, and is no snapshot that could change.
    if (ts !== TS_MAX && ts > this.#maxTs) this.#maxTs = ts;
  }

  /** A read is served at a timestamp that may not have been granted; without keys, it is of a range. */
  readUnproven(ts: Timestamp, keys: readonly Uint8Array[] | undefined): void {
    if (ts !== TS_MAX) this.#unproven.note(ts, keys);
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
   * Chooses a timestamp above every read that was served at a granted timestamp, at or above `lowest`, and locks the
   * keys, whose latches the caller holds. Reads that come later wait where they might have to see the commit.
   */
  lockKeys(keys: readonly Uint8Array[], lowest: Timestamp): MemoryLocks {
    let commitTs = maxTimestamp(this.#maxTs + 1n, lowest);
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const names = keys.map(keyString);
    for (const name of names) {
      assert(!this.#locks.has(name), 'a key is locked in memory twice at once');
    }
    const lock = (): void => {
      for (const [i, key] of keys.entries())
        this.#locks.set(names[i]!, { key, commitTs, released });
    };
    lock();
    return {
      get commitTs(): Timestamp {
        return commitTs;
      },
      unprovenTs: this.#unproven.highest(keys),
      raise: (ts) => {
        commitTs = maxTimestamp(commitTs, ts);
        lock();
      },
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
