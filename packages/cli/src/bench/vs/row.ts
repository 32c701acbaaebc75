export const PEERS = ['etcd', 'redis', 'redis-replicated'] as const;
export type Peer = (typeof PEERS)[number];

/** One comparison: the same work on ours and on the peer. */
export interface Row {
  readonly peer: Peer;
  /** What is compared: operations per second, or the median latency, of which less is better. */
  readonly measure: 'throughput' | 'latency';
  readonly clients: number;
  /** Operations that one client sends together. */
  readonly depth: number;
  /** An open loop: operations a second, sent at their times. Missing: each client sends its next one when it has the answer. */
  readonly rate?: number;
  readonly ours: string;
  readonly theirs: string;
}
