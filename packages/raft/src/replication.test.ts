import { Prng, utf8 } from '@tinykv/base';
import { describe, expect, test } from 'vitest';
import { Cluster } from '../tests/cluster.js';

function newCluster(count: number): Cluster {
  return new Cluster(count, new Prng('replication'));
}

describe('entries that the storage has still to load', () => {
  test('are sent when they are there', () => {
    const cluster = newCluster(3);
    cluster.elect(1);
    cluster.partition([1, 2], [3]);
    for (let i = 0; i < 5; i++) cluster.raw(1).propose(utf8('a'));
    cluster.settle();
    const { storage } = cluster.node(1);
    const read = storage.entries.bind(storage);
    storage.entries = () => 'loading';
    cluster.heal();
    cluster.raw(1).reportUnreachable(3);
    const next = cluster.raw(1).progressOf(3)?.next;
    cluster.tick(1);
    cluster.settle();
    expect(cluster.raw(3).lastIndex).toBe(2);
    expect(cluster.raw(1).progressOf(3)?.next).toBe(next);
    storage.entries = read;
    cluster.raw(1).entriesLoaded();
    cluster.settle();
    expect(cluster.raw(3).lastIndex).toBe(7);
  });
});

describe('snapshots', () => {
  function behindTheLog(cluster: Cluster): void {
    cluster.elect(1);
    cluster.partition([1, 2], [3]);
    for (let i = 0; i < 5; i++) cluster.raw(1).propose(utf8('a'));
    cluster.settle();
    cluster.node(1).storage.compact(6);
    cluster.heal();
    cluster.raw(1).reportUnreachable(3);
  }

  test('go to a follower that the log no longer reaches', () => {
    const cluster = newCluster(3);
    behindTheLog(cluster);
    cluster.tick(1);
    cluster.settle();
    expect(cluster.node(3).appliedIndex).toBe(7);
    expect(cluster.raw(1).progressOf(3)).toMatchObject({ state: 'StateReplicate', match: 7 });
  });

  test('that are being made are asked for again', () => {
    const cluster = newCluster(3);
    behindTheLog(cluster);
    const { storage } = cluster.node(1);
    const ready = storage.snapshot.bind(storage);
    storage.snapshot = () => undefined;
    cluster.tick(1);
    cluster.settle();
    expect(cluster.raw(1).progressOf(3)?.state).toBe('StateProbe');
    storage.snapshot = ready;
    cluster.tick(1);
    cluster.settle();
    expect(cluster.node(3).appliedIndex).toBe(7);
  });

  test('that are lost are sent again after the report', () => {
    const cluster = newCluster(3);
    behindTheLog(cluster);
    cluster.passes = (m) => m.type !== 'MsgSnap';
    cluster.tick(1);
    cluster.settle();
    expect(cluster.raw(1).progressOf(3)?.state).toBe('StateSnapshot');
    cluster.heal();
    cluster.raw(1).reportSnapshot(3, 'failure');
    cluster.tick(1, 2);
    cluster.settle();
    expect(cluster.node(3).appliedIndex).toBe(7);
  });
});
