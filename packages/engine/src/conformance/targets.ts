import type { KvEngine } from '@tinykv/base';
import type { RaftLog } from '@tinykv/raft';

/** An engine on fresh state, made for one test. */
export interface KvEngineUnderTest {
  readonly engine: KvEngine;
  /** Closes the engine and opens its state again; absent when it keeps none. */
  reopen?(): Promise<KvEngine>;
  cleanup(): Promise<void>;
}

/** A log on fresh state that has not been opened yet, made for one test. */
export interface RaftLogUnderTest {
  readonly log: RaftLog;
  /** Closes the log; returns one over the same state that has not been opened. */
  reopen(): Promise<RaftLog>;
  cleanup(): Promise<void>;
}
