import { KvError, type Term } from '@tinykv/base';
import type { Command } from './command.js';
import type { Outcome, SchedulerState } from './state.js';

/**
 * The replicated state as the rest of the scheduler sees it. One member leads; only its answers count,
 * and only while it holds its lease.
 */
export interface StateGroup {
  /** As applied here. Complete once `leaderTerm` is defined. */
  readonly state: SchedulerState;
  /** The term in which this member leads and has applied an entry of its own; undefined otherwise. */
  leaderTerm(): Term | undefined;
  /**
   * True while no other member can have become leader. To be asked in the same synchronous step that
   * uses the answer: a pause of the process may lie between any two steps.
   */
  leaseValid(): boolean;
  /**
   * Resolves when the command is applied here, with what it came to. Rejects with KvError UNAVAILABLE when it never will be
   * applied, or when that cannot be known, as {@link outcomeUnknown} says. Every command may be proposed again.
   */
  propose(command: Command): Promise<Outcome>;
  /** Called when `leaderTerm` may have changed, never from within a call to this group. */
  onLeadership(listener: () => void): void;
}

/** Not UNKNOWN: that is how TinyKV's scheduler refuses, and a store that is refused ends. */
export function outcomeUnknown(why: string): KvError {
  return new KvError('UNAVAILABLE', `outcome unknown: ${why}`);
}
