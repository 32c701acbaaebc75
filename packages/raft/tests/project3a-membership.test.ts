import { InvariantError, utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { encodeConfChange, makeMessage, type RawNode } from '../src/index.js';
import { change } from './config.js';
import { describeLog, SyncNode } from './harness.js';

// The tests of the TinyKV course under their names: members come and go.

function addNode(raw: RawNode, nodeId: number): void {
  expect(raw.proposeConfChange(change({ type: 'ConfChangeAddNode', nodeId }), true).ok).toBe(true);
}

describe('project 3A: membership', () => {
  it('TestAddNode3A', () => {
    const node = new SyncNode({ voters: [1] });
    node.raw.applyConfChange(change({ type: 'ConfChangeAddNode', nodeId: 2 }));
    expect(node.voters).toEqual([1, 2]);
    expect(node.raw.progressOf(2)).toMatchObject({ match: 0, isLearner: false });
  });

  it('TestRemoveNode3A', () => {
    const node = new SyncNode({ voters: [1, 2] });
    node.removeMember(2);
    expect(node.voters).toEqual([1]);
    expect(node.raw.progressOf(2)).toBeUndefined();
    // TinyKV leaves a group without members. Nothing could ever be decided in it, not even to add one:
    // that such a change was committed is a bug of the application's, here as in etcd.
    expect(() => node.removeMember(1)).toThrow(InvariantError);
    expect(node.voters).toEqual([1]);
  });

  it('TestCommitAfterRemoveNode3A', () => {
    const leader = new SyncNode({ voters: [1, 2] });
    leader.winElection();
    leader.raw.proposeConfChange(change({ type: 'ConfChangeRemoveNode', nodeId: 2 }), true);
    leader.work();
    leader.propose('hello');
    expect(leader.log).toEqual(['1/1', '1/2 EntryConfChange', '1/3 hello']);
    expect(leader.applied).toEqual([]);

    // Node 2 acknowledges its own removal, not the entry after it.
    leader.step({ type: 'MsgAppResp', from: 2, term: 1, index: 1 });
    leader.raw.step(makeMessage({ type: 'MsgAppResp', from: 2, to: 1, term: 1, index: 2 }));
    const removal = leader.handleReady();
    expect(describeLog(removal.committedEntries)).toEqual(['1/2 EntryConfChange']);
    // Applying it makes this node the quorum.
    expect(leader.raw.committed).toBe(3);
    expect(describeLog(leader.handleReady().committedEntries)).toEqual(['1/3 hello']);
  });

  it('TestRawNodeProposeAndConfChange3A', () => {
    const node = new SyncNode({ voters: [1] });
    expect(node.raw.hasReady()).toBe(false);
    node.campaign();
    expect(node.raw.lead).toBe(1);
    node.raw.propose(utf8('somedata'));
    addNode(node.raw, 1);
    const { entries } = node.handleReady();
    expect(describeLog(entries)).toEqual(['1/2 somedata', '1/3 EntryConfChange']);
    const sent = change({ type: 'ConfChangeAddNode', nodeId: 1 });
    expect(entries[1]?.data).toEqual(encodeConfChange(sent));
  });

  it('TestRawNodeProposeAddDuplicateNode3A', () => {
    const node = new SyncNode({ voters: [1] });
    node.campaign();
    // A change that changes nothing does not stand in the way of the next.
    for (const id of [1, 1, 2]) {
      addNode(node.raw, id);
      node.work();
    }
    expect(node.applied.slice(1).map(({ type, data }) => [type, data])).toEqual(
      [1, 1, 2].map((nodeId) => [
        'EntryConfChange',
        encodeConfChange(change({ type: 'ConfChangeAddNode', nodeId })),
      ]),
    );
    expect(node.voters).toEqual([1, 2]);
  });
});
