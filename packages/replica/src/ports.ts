import type { Entry, Message, Snapshot } from '@tinykv/raft';
import type { Group } from './group.js';

/**
 * What the loop drives: a store with its Regions, or the scheduler with its one state. Nothing here
 * knows of Regions or keys.
 */
export interface StateMachine {
  /** A turn begins for a touched group: propose now what has been waiting. */
  proposePending(group: Group): void;
  /** Messages for other processes. May be lost; must not be sent later than this turn. */
  send(messages: readonly Outbound[]): void;
  /** True when the entry changes the group itself and must be fenced by barriers. */
  isFenced(entry: Entry): boolean;
  /**
   * True for an entry by which others may come to serve what this leader serves, from its commit on: there
   * is no lease until it is applied here. Told by the entry's kind, at once; the replica itself sees to
   * changes of the configuration.
   */
  voidsLease(entry: Entry): boolean;
  /**
   * Applies committed entries that need no fence, of several groups, as one engine batch; resolves
   * when they are readable (not durable), after which waiting clients are answered.
   */
  apply(work: readonly ApplyWork[]): Promise<void>;
  /** Applies one fenced entry; durable with all before it when this resolves. */
  applyFenced(group: Group, entry: Entry): Promise<void>;
  /**
   * Replaces the group's state by the snapshot's, once `quiet` says that nothing of the group is being
   * applied. Durable when this resolves, but marked unfinished: the log is reset next, and only then
   * may the mark go.
   */
  installSnapshot(group: Group, snapshot: Snapshot, quiet: Promise<void>): Promise<void>;
  /** The log begins at the snapshot now: takes the mark away, durably. */
  finishSnapshot(group: Group, snapshot: Snapshot): Promise<void>;
  /** The newest snapshot for a follower that needs one, or undefined: it is being made, ask again. */
  makeSnapshot(group: Group): Snapshot | undefined;
  /** The role or the known leader changed. */
  roleChanged(group: Group): void;
  /** The group is found to have lost what it had promised: it is to be taken out at once. */
  damaged(group: Group, reason: string): void;
  /** Everything applied so far becomes durable. */
  barrier(): Promise<void>;
  /** The log or the state machine failed: the process must stop. */
  fatal(error: unknown): void;
}

export interface Outbound {
  readonly group: Group;
  readonly message: Message;
}

export interface ApplyWork {
  readonly group: Group;
  readonly entries: readonly Entry[];
}
