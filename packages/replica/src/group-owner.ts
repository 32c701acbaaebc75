import type { Env, MemoryBudget } from '@tinykv/base';
import type { Entry, Snapshot } from '@tinykv/raft';
import type { ReplicaConfig } from './config.js';

/** The owner of groups, each a `G`, as they see it. */
export interface GroupOwner<G> {
  readonly env: Env;
  readonly config: ReplicaConfig;
  /** The memory that all groups hold; by default each has one of its own. */
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
