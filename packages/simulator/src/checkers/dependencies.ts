import type { Txn } from './txn-facts.js';
import type { KeyVersions, Versions } from './versions.js';

/**
 * Why one transaction comes before another: it wrote the version before the other's (`ww`) or the one
 * that the other read (`wr`), read the one before the other's (`rw`), or had returned when the other
 * began (`rt`).
 */
export type EdgeKind = 'ww' | 'wr' | 'rw' | 'rt';

export interface Edge {
  readonly from: Txn;
  readonly to: Txn;
  readonly kind: EdgeKind;
  /** None for `rt`. */
  readonly key: string | undefined;
}

/** All edges between the transactions of a history, none from one to itself. */
export function dependencies(txns: readonly Txn[], versions: Versions): Edge[] {
  const edges: Edge[] = [];
  const add = (
    from: Txn | undefined,
    to: Txn | undefined,
    kind: EdgeKind,
    key: string | undefined,
  ): void => {
    if (from === undefined || to === undefined || from === to) return;
    edges.push({ from, to, kind, key });
  };
  for (const versionsOfKey of versions.keys()) addKey(versionsOfKey, versions, add);
  addRealTime(txns, versions, add);
  return edges;
}

type Add = (
  from: Txn | undefined,
  to: Txn | undefined,
  kind: EdgeKind,
  key: string | undefined,
) => void;

function addKey({ key, order, readers, unseen }: KeyVersions, versions: Versions, add: Add): void {
  // What failed and was read nonetheless is convicted for that; it takes no place in the order.
  const writers = order.map((value) => {
    const writer = versions.writer(key, value);
    return writer !== undefined && versions.isCommitted(writer) ? writer : undefined;
  });
  for (let i = 1; i < writers.length; i++) add(writers[i - 1], writers[i], 'ww', key);
  for (const txn of unseen) add(writers.at(-1), txn, 'ww', key);
  for (const reader of readers) {
    const { length } = reader.reads.get(key)!;
    add(writers[length - 1], reader, 'wr', key);
    if (length < order.length) add(reader, writers[length], 'rw', key);
    else for (const txn of unseen) add(reader, txn, 'rw', key);
  }
}

/**
 * Real time, by a frontier: an edge comes from those that have returned and that no other that has
 * returned too began after. The other edges of real time follow from these.
 */
function addRealTime(txns: readonly Txn[], versions: Versions, add: Add): void {
  const calls = txns
    .filter((txn) => versions.isCommitted(txn) || txn.reads.size > 0)
    .sort((a, b) => a.record.call - b.record.call);
  const returns = txns
    .filter(({ record }) => record.outcome === 'ok')
    .sort((a, b) => a.record.ret - b.record.ret);
  let frontier: Txn[] = [];
  let returned = 0;
  for (const txn of calls) {
    for (; returned < returns.length; returned++) {
      const done = returns[returned]!;
      if (done.record.ret >= txn.record.call) break;
      frontier = frontier.filter(({ record }) => record.ret >= done.record.call);
      frontier.push(done);
    }
    for (const done of frontier) add(done, txn, 'rt', undefined);
  }
}
