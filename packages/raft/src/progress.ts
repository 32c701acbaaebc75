import { assert, type LogIndex } from '@tinykv/base';
import type { Inflights } from './inflights.js';

export type ProgressState = 'StateProbe' | 'StateReplicate' | 'StateSnapshot';

/**
 * What a leader knows of one peer.
 *
 * - Probe: one MsgApp a heartbeat, until the peer answers where its log matches.
 * - Replicate: messages are sent optimistically, as far as the inflights window allows.
 * - Snapshot: the peer is behind the log; nothing is sent until it reports.
 *
 * Invariant: 0 <= match < next.
 */
export class Progress {
  /** The peer's log is known to be the leader's up to here. */
  match: LogIndex;
  /** The next entry to send. In Replicate, entries in (match, next) are in flight. */
  next: LogIndex;
  /** The highest commit index sent in a MsgApp: it tells whether an empty one would be news. */
  sentCommit: LogIndex = 0;
  state: ProgressState = 'StateProbe';
  /** In Snapshot: the index of the snapshot that was sent. */
  pendingSnapshot: LogIndex = 0;
  /** A message came since the last check of the quorum. */
  recentActive = false;
  /** Probe: a probe is out. Replicate: the window was full at the last send. A heartbeat's answer clears it. */
  msgAppFlowPaused = false;
  inflights: Inflights;
  isLearner: boolean;

  constructor(match: LogIndex, next: LogIndex, inflights: Inflights, isLearner: boolean) {
    this.match = match;
    this.next = next;
    this.inflights = inflights;
    this.isLearner = isLearner;
  }

  resetState(state: ProgressState): void {
    this.msgAppFlowPaused = false;
    this.pendingSnapshot = 0;
    this.state = state;
    this.inflights.reset();
  }

  becomeProbe(): void {
    // The snapshot may have been installed although its report is lost: go on after it.
    const snapshot = this.state === 'StateSnapshot' ? this.pendingSnapshot : 0;
    this.resetState('StateProbe');
    this.next = Math.max(this.match, snapshot) + 1;
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
  }

  becomeReplicate(): void {
    this.resetState('StateReplicate');
    this.next = this.match + 1;
  }

  becomeSnapshot(index: LogIndex): void {
    this.resetState('StateSnapshot');
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.sentCommit = index;
  }

  /** To be called for each MsgApp, with the number and payload bytes of its entries. */
  sentEntries(count: number, bytes: number): void {
    switch (this.state) {
      case 'StateReplicate':
        if (count > 0) {
          this.next += count;
          this.inflights.add(this.next - 1, bytes);
        }
        this.msgAppFlowPaused = this.inflights.full();
        return;
      case 'StateProbe':
        if (count > 0) this.msgAppFlowPaused = true;
        return;
      case 'StateSnapshot':
        assert(false, 'entries sent to a peer that waits for a snapshot');
    }
  }

  /** Whether an empty MsgApp with this commit index would move the peer's, given what is in flight. */
  canBumpCommit(index: LogIndex): boolean {
    return index > this.sentCommit && this.sentCommit < this.next - 1;
  }

  sentCommitIndex(index: LogIndex): void {
    this.sentCommit = index;
  }

  /** The peer acknowledged `index`. False when that is not news. */
  maybeUpdate(index: LogIndex): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.msgAppFlowPaused = false;
    return true;
  }

  /**
   * The peer rejected the MsgApp that followed `rejected`; its log may match at `matchHint`. False
   * when the answer is stale: reordered, or about a message before the ones that are in flight.
   */
  maybeDecrTo(rejected: LogIndex, matchHint: LogIndex): boolean {
    if (this.state === 'StateReplicate') {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
      this.sentCommit = Math.min(this.sentCommit, this.next - 1);
      return true;
    }
    if (this.next - 1 !== rejected) return false;
    this.next = Math.max(Math.min(rejected, matchHint + 1), this.match + 1);
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
    this.msgAppFlowPaused = false;
    return true;
  }

  /** No entries may be sent now. */
  isPaused(): boolean {
    return this.state === 'StateSnapshot' || this.msgAppFlowPaused;
  }

  /** A copy that shares the inflights window: one of the two is about to be dropped. */
  clone(): Progress {
    const copy = new Progress(this.match, this.next, this.inflights, this.isLearner);
    copy.sentCommit = this.sentCommit;
    copy.state = this.state;
    copy.pendingSnapshot = this.pendingSnapshot;
    copy.recentActive = this.recentActive;
    copy.msgAppFlowPaused = this.msgAppFlowPaused;
    return copy;
  }

  describe(): string {
    let out = `${this.state} match=${this.match} next=${this.next}`;
    if (this.isLearner) out += ' learner';
    if (this.isPaused()) out += ' paused';
    if (this.pendingSnapshot > 0) out += ` pendingSnap=${this.pendingSnapshot}`;
    if (!this.recentActive) out += ' inactive';
    const inflight = this.inflights.count();
    if (inflight > 0) out += ` inflight=${inflight}${this.inflights.full() ? '[full]' : ''}`;
    return out;
  }
}
