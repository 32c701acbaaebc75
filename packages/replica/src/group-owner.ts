import type { Env, MemoryBudget } from '@tinykv/base';
import type { Entry, Snapshot } from '@tinykv/raft';
import type { ReplicaConfig } from './config.js';

/** What the owner of groups, each a `G`, offers them. */
export interface GroupOwner<G> {
  readonly env: Env;
  readonly config: ReplicaConfig;
  /** What all groups hold in memory; by default each has one of its own. */
  readonly budget?: MemoryBudget;
  touch(group: G): void;
  makeSnapshot(group: G): Snapshot | undefined;
  /** See StateMachine.voidsLease. */
  voidsLease(entry: Entry): boolean;
  /** See StateMachine.isFenced. */
  isFenced(entry: Entry): boolean;
  damaged(group: G, reason: string): void;
  /** See `Group.readOnly`. */
  readOnly(): string | undefined;
}
