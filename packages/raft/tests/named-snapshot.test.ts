import { assert, Prng, utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { type Message, makeMessage, type Snapshot } from '../src/index.js';
import { Cluster, type ClusterNode } from './cluster.js';
import { confStateOf } from './config.js';
import { entriesOf, Network } from './harness.js';

function snapshotAt(index: number, term = 1): Snapshot {
  return { data: utf8(''), metadata: { confState: confStateOf([1, 2, 3]), index, term } };
}

function snap(index: number, term = 1): Message {
  return makeMessage({ type: 'MsgSnap', from: 1, to: 2, term, snapshot: snapshotAt(index) });
}

function stepAndHandle(cluster: Cluster, node: ClusterNode, message: Message): void {
  assert(node.raw.step(message).ok, `${message.type} was refused`);
  cluster.handleReady(node);
}

describe('snapshots', () => {
  it('snapshot_older_than_applied_ignored', () => {
    const cluster = new Cluster(3, new Prng('old snapshots'));
    const node = cluster.node(2);
    const entries = entriesOf([1, 1, 1, 1], 2);
    const append = { type: 'MsgApp', from: 1, to: 2, term: 1, index: 1, logTerm: 1 } as const;
    stepAndHandle(cluster, node, makeMessage({ ...append, entries, commit: 5 }));
    cluster.writeOne(node);
    cluster.handleReady(node);
    cluster.applyOne(node);
    expect(node.appliedIndex).toBe(5);
    cluster.network = [];

    // Late, and at what is applied: twice each.
    for (const index of [3, 3, 5, 5]) {
      stepAndHandle(cluster, node, snap(index));
      expect(node.appendWork.at(-1)?.snapshot).toBeUndefined();
      cluster.writeOne(node);
      // The answer names the commit index, so that the leader goes on from there.
      expect(cluster.network.pop()).toMatchObject({ type: 'MsgAppResp', index: 5, reject: false });
    }
    expect(node.raw).toMatchObject({ committed: 5, applied: 5, lastIndex: 5 });
    expect(node.raw.status().confState.voters).toEqual([1, 2, 3]);
  });

  it('snapshot_older_than_applied_ignored: two in close succession', () => {
    const cluster = new Cluster(3, new Prng('two snapshots'));
    const node = cluster.node(2);
    // The second comes while the first is being written, and copies of both while the second is.
    stepAndHandle(cluster, node, snap(5));
    stepAndHandle(cluster, node, snap(8));
    cluster.writeOne(node);
    expect(node.appliedIndex).toBe(5);
    expect(node.raw).toMatchObject({ applied: 5, committed: 8, lastIndex: 8 });
    for (const index of [5, 8]) stepAndHandle(cluster, node, snap(index));
    // Until the second is installed, no entry is handed out and no election started.
    const entries = entriesOf([1], 9);
    const append = { type: 'MsgApp', from: 1, to: 2, term: 1, index: 8, logTerm: 1 } as const;
    stepAndHandle(cluster, node, makeMessage({ ...append, entries, commit: 9 }));
    expect(node.applyWork).toEqual([]);
    cluster.tick(2, 50);
    expect(node.raw.state).toBe('StateFollower');

    const installed = node.appendWork.flatMap((work) => work.snapshot?.metadata.index ?? []);
    expect(installed).toEqual([8]);
    while (node.appendWork.length > 0) cluster.writeOne(node);
    cluster.handleReady(node);
    cluster.applyOne(node);
    expect(node.appliedIndex).toBe(9);
    expect(node.raw).toMatchObject({ committed: 9, applied: 9, lastIndex: 9 });
  });

  it('snapshot_older_than_applied_ignored: a crash while one is written', () => {
    const cluster = new Cluster(3, new Prng('crash in snapshot'));
    const node = cluster.node(2);
    stepAndHandle(cluster, node, snap(5));
    node.restart();
    expect(node.raw).toMatchObject({ committed: 1, applied: 1, lastIndex: 1 });
    expect(cluster.network).toEqual([]);
    stepAndHandle(cluster, node, snap(8));
    cluster.writeOne(node);
    node.restart();
    expect(node.raw).toMatchObject({ committed: 8, applied: 8, lastIndex: 8 });
  });

  it('log_gc_vs_lagging_follower', () => {
    const network = Network.of(3);
    network.campaign(1);
    network.isolate(3);
    const leader = network.node(1);
    const write = (count: number): void => {
      for (let i = 0; i < count; i++) network.propose(1);
    };
    write(10);
    leader.compact();
    network.recover();

    // The snapshot is long on its way. Meanwhile the log is cut off past the point where it ends,
    // and neither proposals nor heartbeats send another one after it.
    const snapshots: Message[] = [];
    network.filter((m) => {
      if (m.type === 'MsgSnap') snapshots.push(m);
      return m.type !== 'MsgSnap';
    });
    network.beat(1);
    for (let i = 0; i < 5; i++) {
      write(10);
      leader.compact();
      network.beat(1);
    }
    expect(snapshots.map((m) => m.snapshot?.metadata.index)).toEqual([11]);
    expect(leader.raw.progressOf(3)).toMatchObject({ state: 'StateSnapshot', pendingSnapshot: 11 });

    // It arrives. The log no longer reaches back to it, so one more is due, and that is enough: a
    // log that keeps what the follower is about to ask for lets it go on by entries.
    network.deliver(snapshots[0]!);
    expect(network.raw(3).applied).toBe(11);
    leader.raw.reportSnapshot(3, 'finish');
    leader.work();
    network.settle();
    network.beat(1);
    expect(snapshots.map((m) => m.snapshot?.metadata.index)).toEqual([11, 61]);
    write(5);
    network.deliver(snapshots[1]!);
    expect(leader.raw.progressOf(3)?.state).toBe('StateReplicate');
    expect(snapshots).toHaveLength(2);
    expect(network.raw(3).applied).toBe(leader.raw.applied);
  });

  it('log_gc_vs_lagging_follower: a snapshot that is lost is sent again, once a heartbeat', () => {
    const network = Network.of(3);
    network.campaign(1);
    network.isolate(3);
    for (let i = 0; i < 10; i++) network.propose(1);
    const leader = network.node(1);
    leader.compact();
    network.recover();
    let sent = 0;
    network.filter((m) => {
      if (m.type === 'MsgSnap') sent++;
      return m.type !== 'MsgSnap';
    });
    for (let tries = 1; tries <= 3; tries++) {
      network.beat(1);
      expect(sent).toBe(tries);
      leader.raw.reportSnapshot(3, 'failure');
      network.propose(1);
      expect(sent).toBe(tries);
    }
    network.recover();
    network.beat(1);
    expect(network.raw(3).applied).toBe(leader.raw.applied);
  });
});
