import { compareBytes, type KvEngine, limits } from '@tinykv/base';
import { type ApiMode, locationKey } from '@tinykv/model';
import { wipeRange } from '@tinykv/raftstore';

/** Why the range was left alone; undefined: nothing is left of it here. */
export type DestroyRange = (start: Uint8Array, end: Uint8Array) => Promise<string | undefined>;

/**
 * Removes what a store holds of a range of user keys, at once, past Raft, locks and versions. It is for ranges that
 * nobody uses any more, such as those of a dropped table: whoever asks asks every store, and sees to it that nothing
 * is read or written there again. Replicas differ until all stores have done it.
 */
export function rangeDestroyer(engine: KvEngine, api: ApiMode): DestroyRange {
  return async (start, end) => {
    // Without an end it would reach into whatever comes after, for ever.
    if (end.length === 0) return 'the range has no end';
    if (compareBytes(start, end) >= 0) return 'the range is empty: its start is not before its end';
    const longest = Math.max(start.length, end.length);
    if (longest > limits.keyBytesMax) return `a bound of ${longest} bytes is longer than any key`;
    await wipeRange(engine, api, { start: locationKey(api, start), end: locationKey(api, end) });
    return undefined;
  };
}
