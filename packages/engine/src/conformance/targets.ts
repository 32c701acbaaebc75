import type { KvEngine } from '@tinykv/base';
import type { RaftLog } from '@tinykv/raft';

/** An engine on fresh state, made for one test. */
export interface KvEngineUnderTest {
  readonly engine: KvEngine;
  /** Closes the engine and opens its state again; absent when it keeps none. */
  reopen?(): Promise<KvEngine>;
  /**
   * Cuts the engine off as a crash does and opens what is left; absent when it keeps nothing. `share`
   * in [0, 1] says how much of what was not synced survives.
   */
  crash?(share: number): Promise<KvEngine>;
  cleanup(): Promise<void>;
}

/** A log on fresh state that has not been opened yet, made for one test. */
export interface RaftLogUnderTest {
  readonly log: RaftLog;
  /** Closes the log; returns one over the same state that has not been opened. */
  reopen(): Promise<RaftLog>;
  /**
   * Runs the append and crashes in its midst; returns a log over what is left that has not been opened.
   * `share` in [0, 1] says how much of the append's bytes survives. Absent when the log can't.
   */
  crashIn?(append: () => Promise<void>, share: number): Promise<RaftLog>;
  cleanup(): Promise<void>;
}
