import type { LogIndex, PeerId, Rng } from '@tinykv/base';
import { assert } from '@tinykv/base';
import { isLocalTarget } from './message.js';
import type { RaftStorage } from './storage.js';

/**
 * How a leader proves that it still leads when it serves a read: by a round of heartbeats, or by its
 * lease, which is only as good as the clocks behind the ticks are alike.
 */
export type ReadOnlyOption = 'safe' | 'lease-based';

/** Sizes are in bytes, times in ticks; `Number.MAX_SAFE_INTEGER` stands for "no limit". */
export interface RaftConfig {
  readonly id: PeerId;
  /** Ticks without a word of the leader before a follower campaigns (randomized up to twice this). */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly storage: RaftStorage;
  /** The last index that the state machine holds; nothing up to it is handed out again. */
  readonly applied: LogIndex;
  /** Storage work stands in `Ready.messages` and is answered by messages; `advance` is not called. */
  readonly asyncStorageWrites: boolean;
  /** Encoded size of the entries of one MsgApp; a single larger entry still travels. */
  readonly maxBytesPerMessage: number;
  /** Encoded size of committed entries that may be handed out and not yet applied. */
  readonly maxCommittedBytesPerReady: number;
  /** Payload of a leader's uncommitted entries; past it proposals are dropped. */
  readonly maxUncommittedBytes: number;
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
  /** A leader steps down when it has not heard from a quorum for an election timeout. */
  readonly checkQuorum: boolean;
  /** Ask before campaigning, so that a node that cannot win does not raise the term (thesis §9.6). */
  readonly preVote: boolean;
  readonly readOnly: ReadOnlyOption;
  readonly disableProposalForwarding: boolean;
  /** Leaves it to the application to propose only configuration changes that can be applied. */
  readonly disableConfChangeValidation: boolean;
  readonly stepDownOnRemoval: boolean;
  readonly rng: Rng;
}

export function validateConfig(config: RaftConfig): void {
  assert(config.id > 0 && !isLocalTarget(config.id), () => `${config.id} cannot be a peer's id`);
  assert(config.heartbeatTicks > 0, 'heartbeatTicks must be positive');
  assert(config.electionTicks > config.heartbeatTicks, 'electionTicks must exceed heartbeatTicks');
  assert(config.maxInflightMessages > 0, 'maxInflightMessages must be positive');
  assert(
    config.maxInflightBytes >= config.maxBytesPerMessage,
    'maxInflightBytes must hold a whole message',
  );
  assert(config.maxCommittedBytesPerReady > 0, 'maxCommittedBytesPerReady must be positive');
  assert(config.maxUncommittedBytes > 0, 'maxUncommittedBytes must be positive');
  // A lease is only a lease when a leader without a quorum gives it up.
  assert(config.readOnly === 'safe' || config.checkQuorum, 'lease-based reads need checkQuorum');
}
