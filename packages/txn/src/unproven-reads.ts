import { limits, maxTimestamp, type Timestamp, TS_ZERO } from '@tinykv/base';

/**
 * Reads at timestamps that were not known to be granted when they were served: nearly all fresh ones, since
 * the store learns what the scheduler grants only when it asks. They are remembered by the hash of their key, so that
 * a commit has to ask only when one of its own keys was read above its start.
 *
 * Nothing is forgotten: what was granted by now, and what never will be, is told by the timestamp itself.
 */
export class UnprovenReads {
  /** The highest read of all keys with the same hash. */
  readonly #slots = new BigUint64Array(limits.unprovenReadSlots);
  /** The highest read of a range. */
  #ofRanges: Timestamp = TS_ZERO;

  /** Without keys: of a range. */
  note(ts: Timestamp, keys: readonly Uint8Array[] | undefined): void {
    if (keys === undefined) {
      this.#ofRanges = maxTimestamp(this.#ofRanges, ts);
      return;
    }
    for (const key of keys) {
      const slot = slotOf(key);
      if (ts > this.#slots[slot]!) this.#slots[slot] = ts;
    }
  }

  /** At or above the highest of the reads of these keys. */
  highest(keys: readonly Uint8Array[]): Timestamp {
    let highest = this.#ofRanges;
    for (const key of keys) highest = maxTimestamp(highest, this.#slots[slotOf(key)] as Timestamp);
    return highest;
  }
}

/** FNV-1a. */
function slotOf(key: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key[i]!, 0x01000193);
  return (hash >>> 0) % limits.unprovenReadSlots;
}
