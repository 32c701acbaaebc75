import type { LogIndex, PeerId, Term } from '@tinykv/base';

/** The names are etcd/raft's, so that descriptions and traces read the same. */
export type EntryType = 'EntryNormal' | 'EntryConfChange' | 'EntryConfChangeV2';

/**
 * One entry of the log. `encoded` is its binary form (see codec.ts): made once, by the leader that
 * proposed it, and carried as it is to the disk and to the followers.
 */
export interface Entry {
  readonly term: Term;
  readonly index: LogIndex;
  readonly type: EntryType;
  readonly data: Uint8Array;
  encoded?: Uint8Array;
}

/** What must be durable before a node answers for it. */
export interface HardState {
  readonly term: Term;
  readonly vote: PeerId;
  readonly commit: LogIndex;
}

export type StateType = 'StateFollower' | 'StatePreCandidate' | 'StateCandidate' | 'StateLeader';

/** Volatile state, worth a log line and a heartbeat when it changes. */
export interface SoftState {
  readonly lead: PeerId;
  readonly raftState: StateType;
}

/** The configuration as it stands in snapshots. Lists are sorted. */
export interface ConfState {
  readonly voters: readonly PeerId[];
  readonly votersOutgoing: readonly PeerId[];
  readonly learners: readonly PeerId[];
  readonly learnersNext: readonly PeerId[];
  readonly autoLeave: boolean;
}

export type ConfChangeType =
  | 'ConfChangeAddNode'
  | 'ConfChangeRemoveNode'
  | 'ConfChangeUpdateNode'
  | 'ConfChangeAddLearnerNode';

export interface ConfChangeSingle {
  readonly type: ConfChangeType;
  readonly nodeId: PeerId;
}

export type ConfChangeTransition =
  | 'ConfChangeTransitionAuto'
  | 'ConfChangeTransitionJointImplicit'
  | 'ConfChangeTransitionJointExplicit';

/** A change of the configuration (etcd's ConfChangeV2); `context` belongs to the application. */
export interface ConfChange {
  readonly transition: ConfChangeTransition;
  readonly changes: readonly ConfChangeSingle[];
  readonly context: Uint8Array;
}

export interface SnapshotMetadata {
  readonly confState: ConfState;
  readonly index: LogIndex;
  readonly term: Term;
}

/** `data` is the application's description of the state; the state itself travels beside the log. */
export interface Snapshot {
  readonly data: Uint8Array;
  readonly metadata: SnapshotMetadata;
}

export type MessageType =
  | 'MsgHup'
  | 'MsgBeat'
  | 'MsgProp'
  | 'MsgApp'
  | 'MsgAppResp'
  | 'MsgVote'
  | 'MsgVoteResp'
  | 'MsgSnap'
  | 'MsgHeartbeat'
  | 'MsgHeartbeatResp'
  | 'MsgUnreachable'
  | 'MsgSnapStatus'
  | 'MsgCheckQuorum'
  | 'MsgTransferLeader'
  | 'MsgTimeoutNow'
  | 'MsgReadIndex'
  | 'MsgReadIndexResp'
  | 'MsgPreVote'
  | 'MsgPreVoteResp'
  | 'MsgStorageAppend'
  | 'MsgStorageAppendResp'
  | 'MsgStorageApply'
  | 'MsgStorageApplyResp'
  | 'MsgForgetLeader';

/** Targets of messages to the node's own storage: the disk is a peer that answers. */
export const LOCAL_APPEND_THREAD: PeerId = Number.MAX_SAFE_INTEGER;
export const LOCAL_APPLY_THREAD: PeerId = Number.MAX_SAFE_INTEGER - 1;

/**
 * One shape for all messages keeps V8's hidden classes few. Fields that a type does not use are zero,
 * empty or absent; etcd/raft's raftpb.Message says which type uses which.
 */
export interface Message {
  readonly type: MessageType;
  readonly to: PeerId;
  readonly from: PeerId;
  readonly term: Term;
  /** Term of the entry at `index` (MsgApp, votes), or of the last entry. */
  readonly logTerm: Term;
  readonly index: LogIndex;
  readonly entries: readonly Entry[];
  readonly commit: LogIndex;
  /** MsgStorageAppend only: the vote to persist. */
  readonly vote: PeerId;
  readonly snapshot: Snapshot | undefined;
  readonly reject: boolean;
  readonly rejectHint: LogIndex;
  /** ReadIndex and heartbeat contexts, campaign type; empty bytes otherwise. */
  readonly context: Uint8Array;
  /** Storage messages only: to be delivered once the work is done. */
  readonly responses: readonly Message[];
}

/** The answer to a ReadIndex request: a read may be served once `index` is applied. */
export interface ReadState {
  readonly index: LogIndex;
  readonly requestContext: Uint8Array;
}

/** What a node wants done. In async mode the storage work stands in `messages` and the fields are informative. */
export interface Ready {
  readonly softState: SoftState | undefined;
  /** Undefined when unchanged. */
  readonly hardState: HardState | undefined;
  readonly readStates: readonly ReadState[];
  /** To be made durable before `messages` are sent (sync mode). */
  readonly entries: readonly Entry[];
  readonly snapshot: Snapshot | undefined;
  readonly committedEntries: readonly Entry[];
  readonly messages: readonly Message[];
  readonly mustSync: boolean;
}
