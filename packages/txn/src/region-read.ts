import {
  type Awaitable,
  type Clock,
  compareBytes,
  err,
  KvError,
  type KvReader,
  limits,
  ok,
  type Result,
  type Timestamp,
} from '@tinykv/base';
import {
  type ApiMode,
  beforeEnd,
  compareEnds,
  type KeyError,
  type KeyRange,
  locationKey,
  type Modify,
  modifiesBytes,
  type RegionAccess,
  type RegionError,
  type RegionView,
  type RequestContext,
} from '@tinykv/model';

/**
 * Reads at once and confirms. What was read through a view that no longer stands says nothing, neither a
 * value nor damage: the data may be on its way out with the Region.
 */
export function readConfirmed<T>(
  view: RegionView,
  read: (reader: KvReader) => T,
): Result<T, RegionError> {
  let value: T;
  try {
    value = read(view.reader);
  } catch (error) {
    const still = view.confirm();
    if (!still.ok) return still;
    throw error;
  }
  const still = view.confirm();
  return still.ok ? ok(value) : still;
}

/** Takes a snapshot, confirms it and gives it to `read`; what it holds stays true from then on. */
export async function withSnapshot<T>(
  view: RegionView,
  read: (snapshot: KvReader) => Promise<T>,
): Promise<Result<T, RegionError>> {
  const snapshot = view.snapshot();
  try {
    const still = view.confirm();
    return still.ok ? ok(await read(snapshot)) : still;
  } finally {
    snapshot.close();
  }
}

/** Lets the other commands of the store have their turn. Throws CANCELLED once nobody waits for the answer. */
export async function turnOf(clock: Clock, context: RequestContext): Promise<void> {
  await new Promise<void>((resolve) => clock.defer(resolve));
  stopIfGone(context);
}

/** To be asked between the steps of long work that has proposed nothing yet. Throws CANCELLED. */
export function stopIfGone({ caller }: RequestContext): void {
  if (caller?.isGone === true) throw new KvError('CANCELLED', 'the client is gone');
}

/** Why nothing may be read or begun at the timestamp. To be asked after the reads, or after taking the snapshot. */
export function belowSafePoint({ safePoint }: RegionView, ts: Timestamp): KeyError | undefined {
  if (ts >= safePoint) return undefined;
  return { type: 'below-safe-point', ts, safePoint };
}

/** [start, end) of user keys as location keys within a Region; undefined when they do not meet. */
export function locationRange(
  api: ApiMode,
  start: Uint8Array,
  end: Uint8Array,
  region: KeyRange,
): KeyRange | undefined {
  const low = start.length === 0 ? start : locationKey(api, start);
  const high = end.length === 0 ? end : locationKey(api, end);
  const range: KeyRange = {
    start: compareBytes(low, region.start) > 0 ? low : region.start,
    end: compareEnds(high, region.end) < 0 ? high : region.end,
  };
  return beforeEnd(range.start, range.end) ? range : undefined;
}

/** Proposes, unless there is nothing to do or more than one log entry can hold. */
export function proposeModifies(
  access: RegionAccess,
  view: RegionView,
  modifies: readonly Modify[],
): Awaitable<Result<void, RegionError>> {
  if (modifies.length === 0) return ok(undefined);
  const entryBytes = modifiesBytes(modifies);
  if (entryBytes > limits.raftEntryBytesMax) {
    return err({ type: 'raft-entry-too-large', regionId: view.region.id, entryBytes });
  }
  return access.propose(view, modifies);
}

export function isKeyTooLong(key: Uint8Array): boolean {
  return key.length > limits.keyBytesMax;
}

export function keyTooLongMessage(key: Uint8Array): string {
  return `key of ${key.length} bytes is longer than ${limits.keyBytesMax}`;
}

export function aheadError(ts: Timestamp): KeyError {
  return { type: 'abort', message: aheadOfCluster(ts) };
}

export function aheadOfCluster(ts: Timestamp): string {
  return `timestamp ${ts} is ahead of the cluster`;
}
