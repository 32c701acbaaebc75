import type { LogIndex, PeerId } from '@tinykv/base';

/** How far the members of a group have the log. */
export interface Replication {
  readonly all: LogIndex;
  /** Those that answer. */
  readonly active: LogIndex;
}

/** As the leader knows it; no further than what it has applied. */
export function replicationOf(
  progress: ReadonlyMap<PeerId, { readonly match: LogIndex }>,
  applied: LogIndex,
  answers: (id: PeerId) => boolean,
): Replication {
  let all = applied;
  let active = applied;
  for (const [id, { match }] of progress) {
    all = Math.min(all, match);
    if (answers(id)) active = Math.min(active, match);
  }
  return { all, active };
}
