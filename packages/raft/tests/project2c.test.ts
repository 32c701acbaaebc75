import { EMPTY_BYTES } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { describeReady, type Snapshot } from '../src/index.js';
import { confStateOf } from './config.js';
import { describeLog, entry, Network, SeededStorage, SyncNode } from './harness.js';

// The tests of the TinyKV course under their names: snapshots.

function snapshotOf(index: number, term: number, voters: readonly number[]): Snapshot {
  return { data: EMPTY_BYTES, metadata: { confState: confStateOf(voters), index, term } };
}

describe('project 2C: a follower gets a snapshot', () => {
  it('TestRestoreSnapshot2C', () => {
    const node = new SyncNode({ voters: [1, 2], terms: [1, 1] });
    const snapshot = snapshotOf(11, 11, [1, 2, 3]);
    node.step({ type: 'MsgSnap', from: 2, term: 11, snapshot });
    expect(node.sent()).toEqual(['1->2 MsgAppResp Term:11 Log:0/11']);
    expect(node.raw).toMatchObject({ lastIndex: 11, committed: 11, applied: 11 });
    expect(node.voters).toEqual([1, 2, 3]);
    // The log goes on after it, and what was there before is gone.
    expect(node.log).toEqual([]);
    expect(node.storage.term(11)).toBe(11);
    const entries = [entry(11, 12)];
    node.step({ type: 'MsgApp', from: 2, term: 11, index: 11, logTerm: 11, entries });
    expect(node.log).toEqual(['11/12']);
  });

  it('TestRestoreIgnoreSnapshot2C', () => {
    const node = new SyncNode({ voters: [1, 2], terms: [1, 1, 1], hardState: { commit: 3 } });
    node.work();
    const snapshot = snapshotOf(1, 1, [1, 2]);
    node.step({ type: 'MsgSnap', from: 2, term: 1, snapshot });
    // The answer tells the sender how far this node is.
    expect(node.sent()).toEqual(['1->2 MsgAppResp Term:1 Log:0/3']);
    expect(node.raw).toMatchObject({ committed: 3, applied: 3, lastIndex: 3 });
    expect(node.log).toEqual(['1/1', '1/2', '1/3']);
  });

  it('TestRestoreFromSnapMsg2C', () => {
    const node = new SyncNode({ id: 2, voters: [1, 2] });
    node.step({ type: 'MsgSnap', from: 1, term: 2, snapshot: snapshotOf(11, 2, [1, 2]) });
    expect(node.raw).toMatchObject({ lead: 1, term: 2, state: 'StateFollower' });
  });

  it('TestRestoreFromSnapWithOverlapingPeersMsg2C', () => {
    const node = new SyncNode({ id: 2, voters: [1, 2, 3] });
    node.step({ type: 'MsgSnap', from: 1, term: 2, snapshot: snapshotOf(11, 2, [2, 3, 4]) });
    // The snapshot's members replace the old ones, the sender included; it leads nevertheless.
    expect(node.raw.lead).toBe(1);
    expect(node.voters).toEqual([2, 3, 4]);
    expect([1, 2, 3, 4].map((id) => node.raw.progressOf(id) !== undefined)).toEqual([
      false,
      true,
      true,
      true,
    ]);
  });

  it('TestRawNodeRestartFromSnapshot2C', () => {
    const storage = new SeededStorage([]);
    storage.applySnapshot(snapshotOf(2, 1, [1, 2]));
    storage.setHardState({ term: 1, vote: 0, commit: 3 });
    storage.append([entry(1, 3, 'foo')]);
    const node = new SyncNode({ storage });
    // Only what the snapshot does not hold is applied again.
    expect(describeReady(node.handleReady())).toBe(
      'Ready MustSync=false:\nCommittedEntries:\n1/3 EntryNormal "foo"\n',
    );
    expect(node.raw.hasReady()).toBe(false);
    expect(node.voters).toEqual([1, 2]);
  });
});

describe('project 2C: a leader sends a snapshot', () => {
  it('TestProvideSnap2C', () => {
    const leader = new SyncNode({ voters: [1, 2] });
    leader.step({ type: 'MsgSnap', from: 2, term: 11, snapshot: snapshotOf(11, 11, [1, 2]) });
    leader.winElection();
    leader.takeMessages();
    // Node 2 ends at 9, which the leader's log no longer reaches.
    const rejection = { index: 11, reject: true, rejectHint: 9, logTerm: 1 };
    leader.step({ type: 'MsgAppResp', from: 2, term: 12, ...rejection });
    const [snap, ...more] = leader.takeMessages();
    expect(snap).toMatchObject({ type: 'MsgSnap', to: 2, term: 12 });
    expect(snap?.snapshot?.metadata).toMatchObject({ index: 11, term: 11 });
    expect(more).toEqual([]);
    // Until it is there, proposals would be of no use to node 2.
    leader.propose('somedata');
    expect(leader.sent()).toEqual([]);
    leader.step({ type: 'MsgAppResp', from: 2, term: 12, index: 11 });
    expect(leader.takeMessages().map((m) => describeLog(m.entries))).toEqual([
      ['12/12', '12/13 somedata'],
    ]);
  });

  it('TestSlowNodeRestore2C', () => {
    const network = Network.of(3);
    network.campaign(1);
    network.isolate(3);
    for (let i = 0; i < 100; i++) network.propose(1);
    const leader = network.node(1);
    leader.compact();
    expect(leader.log).toEqual([]);

    network.recover();
    // The answer to a heartbeat shows that node 3 is there again, and behind.
    network.beat(1);
    const slow = network.node(3);
    expect(slow.storage.snapshot()?.metadata.index).toBe(101);
    network.propose(1, 'after');
    expect(slow.log).toEqual(['1/102 after']);
    expect(slow.raw.committed).toBe(leader.raw.committed);
    expect(slow.raw.applied).toBe(leader.raw.applied);
  });
});
