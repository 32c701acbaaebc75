import type { Region } from '@tinykv/model';
import type { ConfState } from '@tinykv/raft';

/** The Raft configuration that a Region's peers stand for. */
export function confStateOf(region: Region): ConfState {
  const ids = (learner: boolean): number[] =>
    region.peers
      .filter((peer) => peer.learner === learner)
      .map((peer) => peer.id)
      .sort((a, b) => a - b);
  return {
    voters: ids(false),
    votersOutgoing: [],
    learners: ids(true),
    learnersNext: [],
    autoLeave: false,
  };
}
