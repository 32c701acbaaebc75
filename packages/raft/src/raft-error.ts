/** Expected answers of a RawNode. The messages are etcd/raft's. */
export interface RaftError {
  readonly code:
    | 'proposal-dropped'
    | 'step-local-message'
    | 'step-peer-not-found'
    | 'log-tail-lost';
  readonly message: string;
}

/** No leader, a transfer in progress, too much uncommitted: the caller may try again, elsewhere or later. */
export const PROPOSAL_DROPPED: RaftError = {
  code: 'proposal-dropped',
  message: 'raft proposal dropped',
};

/** A message that only this node may send to itself came from outside. */
export const STEP_LOCAL_MESSAGE: RaftError = {
  code: 'step-local-message',
  message: 'raft: cannot step raft local message',
};

/** A response from a node that is not (any more) in the configuration. */
export const STEP_PEER_NOT_FOUND: RaftError = {
  code: 'step-peer-not-found',
  message: 'raft: cannot step as peer not found',
};

/**
 * The leader counts on entries that this node acknowledged and does not have: the end of its log is
 * lost. It must take no further part: its vote and its acknowledgements prove nothing any more.
 */
export const LOG_TAIL_LOST: RaftError = {
  code: 'log-tail-lost',
  message: 'raft: acknowledged entries are no longer in the log',
};
