import { utf8 } from '@tinykv/base';
import { makeMessage, type Snapshot } from '@tinykv/raft';
import { describe, expect, it } from 'vitest';
import { change, confState, DrivenGroup, SPLIT } from './driven-group.js';

const DATA = utf8('data entry');

/** The leader of three, with a lease and nothing to do. */
function leader(): DrivenGroup {
  const driven = new DrivenGroup();
  driven.lead();
  driven.heartbeat(2, 3);
  expect(driven.group.leaseValid()).toBe(true);
  return driven;
}

describe('a lease and the entries that void it', () => {
  it('is void from the commit of a split to its apply, also while the split is not durable here', () => {
    const driven = leader();
    const split = driven.propose(SPLIT);
    expect(driven.group.leaseValid()).toBe(true);
    driven.acknowledge(2);
    expect(driven.group.node.committed).toBeLessThan(split);
    expect(driven.group.leaseValid()).toBe(true);
    driven.acknowledge(3);
    expect(driven.group.node.committed).toBe(split);
    expect(driven.group.leaseValid()).toBe(false);
    driven.persist();
    expect(driven.group.leaseValid()).toBe(false);
    driven.apply();
    expect(driven.group.applied).toBe(split);
    expect(driven.group.leaseValid()).toBe(true);
  });

  it('is void until the last of several such entries is applied', () => {
    const driven = leader();
    driven.propose(SPLIT);
    driven.acknowledge(2);
    driven.acknowledge(3);
    const second = driven.propose(SPLIT);
    driven.acknowledge(2);
    driven.acknowledge(3);
    expect(driven.group.node.committed).toBe(second);
    driven.group.onApplied(second - 1, driven.term);
    expect(driven.group.leaseValid()).toBe(false);
    driven.group.onApplied(second, driven.term);
    expect(driven.group.leaseValid()).toBe(true);
  });

  it('stays while plain entries are committed and not applied', () => {
    const driven = leader();
    const index = driven.propose(DATA);
    driven.acknowledge(2);
    driven.acknowledge(3);
    expect(driven.group.node.committed).toBe(index);
    expect(driven.group.leaseValid()).toBe(true);
  });

  it('forgets a split that a new leader has replaced', () => {
    const driven = leader();
    const first = driven.propose(DATA);
    driven.propose(DATA);
    const split = driven.propose(SPLIT);
    driven.persist();
    const { term } = driven;
    driven.receive({
      type: 'MsgApp',
      from: 2,
      term: term + 1,
      index: first - 1,
      logTerm: term,
      commit: first,
      entries: [{ term: term + 1, index: first, type: 'EntryNormal', data: DATA }],
    });
    driven.persist();
    driven.apply();
    driven.env.clock.advance(10_000);
    driven.lead();
    driven.heartbeat(2, 3);
    expect(driven.propose(DATA)).toBe(split);
    driven.acknowledge(2);
    driven.acknowledge(3);
    expect(driven.group.node.committed).toBe(split);
    expect(driven.group.leaseValid()).toBe(true);
  });

  it('forgets a split that a snapshot has covered', () => {
    const driven = leader();
    const split = driven.propose(SPLIT);
    const metadata = {
      index: split + 5,
      term: driven.term + 1,
      confState: confState({ voters: [1, 2, 3] }),
    };
    const snapshot: Snapshot = { data: DATA, metadata };
    driven.group.onAppending(makeMessage({ type: 'MsgStorageAppend', snapshot }));
    driven.acknowledge(2);
    driven.acknowledge(3);
    expect(driven.group.node.committed).toBe(split);
    expect(driven.group.leaseValid()).toBe(true);
  });

  it('is void while the removal of the leader itself is committed and not applied', () => {
    const driven = leader();
    driven.proposeChange(change({ type: 'ConfChangeRemoveNode', nodeId: 1 }));
    expect(driven.group.leaseValid()).toBe(true);
    driven.acknowledge(2);
    driven.acknowledge(3);
    expect(driven.group.leaseValid()).toBe(false);
  });

  it('stays while the removal or the addition of another is committed and not applied', () => {
    for (const other of [
      change({ type: 'ConfChangeRemoveNode', nodeId: 3 }),
      change({ type: 'ConfChangeAddNode', nodeId: 4 }),
      change({ type: 'ConfChangeAddLearnerNode', nodeId: 4 }),
      change({ type: 'ConfChangeRemoveNode', nodeId: 3 }, { type: 'ConfChangeAddNode', nodeId: 4 }),
    ]) {
      const driven = leader();
      const index = driven.proposeChange(other);
      driven.acknowledge(2);
      driven.acknowledge(3);
      expect(driven.group.node.committed).toBe(index);
      expect(driven.group.leaseValid()).toBe(true);
    }
  });
});

describe('reads that wait for a quorum', () => {
  it('are answered when the voters shrink from two to one', () => {
    const driven = new DrivenGroup({ voters: [1, 2] });
    driven.lead();
    const answers: (string | undefined)[] = [];
    driven.group.reads.add((refusal) => answers.push(refusal));
    driven.turn();
    driven.proposeChange(change({ type: 'ConfChangeRemoveNode', nodeId: 2 }));
    driven.acknowledge(2);
    driven.persist();
    expect(answers).toEqual([]);
    driven.apply();
    driven.turn();
    expect(driven.group.confState.voters).toEqual([1]);
    expect(answers).toEqual([undefined]);
  });

  it('are answered when a joint change leaves one voter of three', () => {
    const driven = new DrivenGroup();
    driven.lead();
    const answers: (string | undefined)[] = [];
    driven.group.reads.add((refusal) => answers.push(refusal));
    driven.turn();
    driven.proposeChange(
      change(
        { type: 'ConfChangeRemoveNode', nodeId: 2 },
        { type: 'ConfChangeRemoveNode', nodeId: 3 },
      ),
    );
    driven.acknowledge(2);
    driven.persist();
    driven.apply();
    driven.turn();
    expect(driven.group.confState.votersOutgoing).toEqual([1, 2, 3]);
    // The joint configuration is left by itself.
    driven.acknowledge(2);
    driven.persist();
    expect(answers).toEqual([]);
    driven.apply();
    driven.turn();
    expect(driven.group.confState.voters).toEqual([1]);
    expect(answers).toEqual([undefined]);
  });
});
