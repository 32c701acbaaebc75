import { limits, type Rng } from '@tinykv/base';
import type { RaftConfig, RaftStorage } from '@tinykv/raft';
import type { ReplicaConfig } from './config.js';
import type { GroupInit } from './group-init.js';

/** How the core of every group is set up. */
export function coreConfig(
  init: GroupInit,
  config: ReplicaConfig,
  storage: RaftStorage,
  rng: Rng,
): RaftConfig {
  return {
    id: init.peerId,
    electionTicks: config.electionTicks,
    heartbeatTicks: config.heartbeatTicks,
    storage,
    applied: init.state.durableApplied,
    asyncStorageWrites: true,
    maxBytesPerMessage: config.messageBytesMax ?? limits.raftMessageBytesMax,
    maxCommittedBytesPerReady: limits.applyBatchBytesMax,
    maxUncommittedBytes: limits.raftUncommittedBytesMax,
    maxInflightMessages: limits.raftInflightMessagesMax,
    maxInflightBytes: limits.raftInflightBytesMax,
    checkQuorum: true,
    preVote: true,
    readOnly: 'safe',
    disableProposalForwarding: true,
    disableConfChangeValidation: false,
    stepDownOnRemoval: true,
    rng,
  };
}
