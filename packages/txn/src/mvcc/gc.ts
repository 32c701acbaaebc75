import { assert, type Timestamp } from '@tinykv/base';
import type { Modify, WriteRecord } from '@tinykv/model';
import { type KeyFacts, newestTs } from './key-view.js';

/** A record of a key's history. */
export type HistoryRecord =
  | { readonly tag: 'w'; readonly write: WriteRecord }
  | { readonly tag: 'r'; readonly ts: Timestamp };

/** What the collection knows of a key: all that is stored about it at or below the safe point. */
export interface OldFacts extends KeyFacts {
  /** Newest first. */
  readonly old: readonly HistoryRecord[];
  /** There are still older ones. */
  readonly isCut: boolean;
}

export type Collect = Extract<Modify, { type: 'collect' }>;

/**
 * What of a key no read at or above the safe point sees, and no transaction that began there or later asks for. To be
 * decided once no transaction that began below has a lock in the cluster: then nobody will ask what became of it.
 *
 * Of the versions at or below the safe point reads see the newest alone, and not even that if it is a Delete: then
 * there is nothing below it to be hidden. It goes last, when nothing that it hides is left.
 */
export function collect(facts: OldFacts, safePoint: Timestamp): Collect | undefined {
  const { key, newest, old, isCut } = facts;
  const writes: Timestamp[] = [];
  const values: Timestamp[] = [];
  let seen = newest?.write !== undefined && newest.write.commitTs <= safePoint;
  /** The version that reads at the safe point see, if it is in the history and goes as well. */
  let tombstone: Timestamp | undefined;
  for (const record of old) {
    if (record.tag !== 'w') continue;
    const { write } = record;
    assert(write.commitTs <= safePoint, 'a version above the safe point is collected');
    if (write.kind !== 'lock' && !seen) {
      seen = true;
      if (write.kind === 'delete' && !isCut) tombstone = write.commitTs;
      continue;
    }
    writes.push(write.commitTs);
    if (write.kind === 'put' && write.shortValue === undefined) values.push(write.startTs);
  }
  if (tombstone !== undefined) writes.push(tombstone);
  // One that began at the safe point is still legal, and must find that it was rolled back.
  const rollbacks = old.flatMap((record) =>
    record.tag === 'r' && record.ts < safePoint ? [record.ts] : [],
  );
  const dropsNewest = isForgettable(facts, safePoint);
  if (writes.length + rollbacks.length === 0 && !dropsNewest) return undefined;
  return { type: 'collect', key, safePoint, writes, rollbacks, values, newest: dropsNewest };
}

/** A key that does not exist, for every reader and writer that may still come. */
function isForgettable({ lock, newest, isCut }: OldFacts, safePoint: Timestamp): boolean {
  if (newest === undefined || lock !== undefined || isCut) return false;
  if (newest.write !== undefined && newest.write.kind !== 'delete') return false;
  return newestTs(newest) < safePoint;
}
