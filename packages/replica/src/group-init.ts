import type { PeerId } from '@tinykv/base';
import type { ConfState } from '@tinykv/raft';
import type { GroupState } from './group-storage.js';

/** Names a group and says where it starts. */
export interface GroupInit {
  /** The number of the Raft group: a Region id. */
  readonly id: number;
  readonly peerId: PeerId;
  readonly state: GroupState;
  readonly confState: ConfState;
  /**
   * True for a group read back from disk at start: the process may have forgotten a promise not to
   * vote, so it refuses votes for one election timeout. Also where it knows no voters yet: others may
   * count it as one.
   */
  readonly recovered: boolean;
  /** Of a group that takes the place of another in this process: until when that one promised not to vote. */
  readonly promisedUntil?: number;
}
