import { describe, expect, test } from 'vitest';
import { Inflights } from './inflights.js';
import { Progress } from './progress.js';

function progress(match: number, next: number): Progress {
  return new Progress(match, next, new Inflights(2, 0), false);
}

describe('probing', () => {
  test('one message with entries pauses until news comes', () => {
    const peer = progress(0, 5);
    peer.sentEntries(0, 0);
    expect(peer.isPaused()).toBe(false);
    peer.sentEntries(3, 10);
    expect(peer.isPaused()).toBe(true);
    expect(peer.next).toBe(5);
    expect(peer.maybeUpdate(7)).toBe(true);
    expect(peer.isPaused()).toBe(false);
    expect(peer.describe()).toBe('StateProbe match=7 next=8 inactive');
  });

  test('a rejection moves next back to the hint, a stale one does not', () => {
    const peer = progress(1, 10);
    expect(peer.maybeDecrTo(8, 3)).toBe(false);
    expect(peer.maybeDecrTo(9, 3)).toBe(true);
    expect(peer.next).toBe(4);
    // The hint may lie below what is known to match, but next never does.
    expect(peer.maybeDecrTo(3, 0)).toBe(true);
    expect(peer.next).toBe(2);
  });
});

describe('replicating', () => {
  test('goes on until the window is full', () => {
    const peer = progress(4, 5);
    peer.becomeReplicate();
    peer.recentActive = true;
    peer.sentEntries(2, 10);
    expect(peer.isPaused()).toBe(false);
    peer.sentEntries(1, 10);
    expect(peer.describe()).toBe('StateReplicate match=4 next=8 paused inflight=2[full]');
    peer.inflights.freeLE(6);
    expect(peer.maybeUpdate(6)).toBe(true);
    expect(peer.isPaused()).toBe(false);
    expect(peer.maybeUpdate(6)).toBe(false);
  });

  test('a rejection above match starts again after match', () => {
    const peer = progress(4, 5);
    peer.becomeReplicate();
    peer.sentEntries(3, 1);
    peer.sentCommitIndex(7);
    expect(peer.maybeDecrTo(4, 0)).toBe(false);
    expect(peer.maybeDecrTo(6, 0)).toBe(true);
    expect(peer.next).toBe(5);
    expect(peer.sentCommit).toBe(4);
  });

  test('a commit index is news only as far as the peer has been sent entries', () => {
    const peer = progress(4, 5);
    peer.becomeReplicate();
    expect(peer.canBumpCommit(3)).toBe(true);
    peer.sentCommitIndex(3);
    expect(peer.canBumpCommit(3)).toBe(false);
    peer.sentCommitIndex(4);
    // All that the peer holds is committed to its knowledge; more would be cut to that anyway.
    expect(peer.canBumpCommit(9)).toBe(false);
  });
});

describe('waiting for a snapshot', () => {
  test('nothing is sent; then probing starts after the snapshot', () => {
    const peer = progress(2, 3);
    peer.becomeSnapshot(10);
    expect(peer.describe()).toBe('StateSnapshot match=2 next=11 paused pendingSnap=10 inactive');
    expect(() => peer.sentEntries(1, 1)).toThrow('waits for a snapshot');
    peer.becomeProbe();
    expect(peer.next).toBe(11);
    expect(peer.pendingSnapshot).toBe(0);
  });

  test('a snapshot that failed is forgotten before probing', () => {
    const peer = progress(2, 3);
    peer.becomeSnapshot(10);
    peer.pendingSnapshot = 0;
    peer.becomeProbe();
    expect(peer.next).toBe(3);
    expect(peer.sentCommit).toBe(2);
  });
});
