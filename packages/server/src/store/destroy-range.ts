import { compareBytes, type KvEngine, limits } from '@tinykv/base';
import { type ApiMode, locationKey } from '@tinykv/model';
import { type DestroyKeyRange, wipeDurably } from '@tinykv/raftstore';

/** Why the range was left alone; undefined: nothing is left of it here. */
export type DestroyRange = (start: Uint8Array, end: Uint8Array) => Promise<string | undefined>;

/**
 * Removes what a store holds of a range of user keys, at once, past Raft, locks and versions. It is for ranges that
 * nobody uses any more, such as those of a dropped table: whoever asks asks every store, and sees to it that nothing
 * is read or written there again. Replicas differ until all stores have done it. All that was in the store's data and
 * logs when the request came does not come back behind the answer, whatever crashes. A replica that lagged then, or that gets
 * a snapshot which another store made before its own answer, may have some of it again: TiDB asks once more a day later.
 */
export function rangeDestroyer(destroy: DestroyKeyRange, api: ApiMode): DestroyRange {
  return async (start, end) => {
    // Without an end it would reach into whatever comes after, for ever.
    if (end.length === 0) return 'the range has no end';
    if (compareBytes(start, end) >= 0) return 'the range is empty: its start is not before its end';
    const longest = Math.max(start.length, end.length);
    if (longest > limits.keyBytesMax) return `a bound of ${longest} bytes is longer than any key`;
    return destroy({ start: locationKey(api, start), end: locationKey(api, end) });
  };
}

/** The destroyer of a store without Raft, which has no log to be replayed. */
export function standaloneDestroyer(engine: KvEngine, api: ApiMode): DestroyKeyRange {
  return async (range) => {
    await wipeDurably(engine, api, range);
    return undefined;
  };
}
