import { fromUtf8, KvError, Prng } from '@tinykv/base';
import { findPeerOnStore, type Peer } from '@tinykv/model';
import { afterEach, describe, expect, it } from 'vitest';
import { TestCluster } from './harness.js';

let cluster: TestCluster;

afterEach(async () => {
  expect(cluster.fatals).toEqual([]);
  await cluster.stop();
});

/** What the simulator found, each as the shortest course of events that shows it. */
describe('found by simulation', () => {
  it('a store whose bootstrap was taken, and the answer lost, still brings up the first region', async () => {
    cluster = await TestCluster.start({ stores: 0 });
    const { scheduler } = cluster;
    scheduler.loseBootstrapAnswer = true;
    await expect(cluster.addStore()).rejects.toThrow('no answer');
    // The scheduler has been restarted since: no heartbeat has told it of the Region.
    scheduler.regions.clear();
    await cluster.crashStore(0, new Prng(1));
    await cluster.startStore(0);
    await cluster.addStore();
    await cluster.until('the first region has a leader', () => scheduler.regions.size === 1);
    await cluster.put('a', '1');
  });

  it('a peer that was removed before its first snapshot does not stay', async () => {
    cluster = await TestCluster.start({ stores: 2, config: { staleLeaderMs: 2_000 } });
    const { id } = cluster.regionOf('');
    const { storeId } = cluster.nodes[1]!.store!;
    const peer = { id: cluster.scheduler.allocId(), storeId, learner: true };
    await cluster.put('a', '1');
    // No snapshot can be received.
    cluster.nodes[1]!.fs.openWrite = async () => {
      throw new KvError('RESOURCE_EXHAUSTED', 'no space');
    };
    cluster.scheduler.order(id, () => ({ type: 'add-peer', peer }));
    await cluster.until(
      'a peer made by a message',
      () => cluster.nodes[1]!.store!.regions().length > 0,
    );
    cluster.net.cut(cluster.nodes[1]!.address);
    await cluster.removePeer(id, 1);
    cluster.net.heal(cluster.nodes[1]!.address);
    await cluster.until('it is gone', () => cluster.nodes[1]!.store!.regions().length === 0);
    expect(cluster.regionOf('').peers.map((one) => one.storeId)).not.toContain(storeId);
  });

  it('a read error while a message looks for its peer stops the store, not the process', async () => {
    cluster = await TestCluster.start({ stores: 2 });
    const { id } = cluster.regionOf('');
    await cluster.put('a', '1');
    const { engine, store } = cluster.nodes[1]!;
    const { storeId } = store!;
    engine.get = () => {
      throw new KvError('INTERNAL', 'input/output error');
    };
    const peer = { id: cluster.scheduler.allocId(), storeId, learner: true };
    cluster.scheduler.order(id, () => ({ type: 'add-peer', peer }));
    await cluster.clock.run(2_000);
    expect(cluster.fatals.splice(0)[0]).toMatchObject({ message: 'input/output error' });
  });

  it('a store that was given up and taken again while it was away gets its new peer', async () => {
    cluster = await TestCluster.start();
    const { id } = cluster.regionOf('');
    for (const at of [1, 2]) await cluster.addPeer(id, at);
    await cluster.put('a', '1');
    const { address, store } = cluster.nodes[2]!;
    const { storeId } = store!;
    cluster.net.cut(address);
    await cluster.removePeer(id, 2);
    const peer = { id: cluster.scheduler.allocId(), storeId, learner: true };
    await cluster.until('the new peer is in the region', () => {
      cluster.scheduler.order(id, () => ({ type: 'add-peer', peer }));
      return cluster.regionOf('').peers.some((one) => one.id === peer.id);
    });
    // The old peer asks for votes; whoever hears it knows of the new one already.
    await cluster.clock.run(5_000);
    cluster.net.heal(address);
    await cluster.until('the new peer has the data', () =>
      store!.regions().some(({ peerId, applied }) => peerId === peer.id && applied > 5),
    );
    expect(await cluster.dataOf(2)).toBe(await cluster.dataOf(0));
  });

  it('of two voters the one that is left learns that the other has been removed', async () => {
    cluster = await TestCluster.start({ stores: 2 });
    const { id } = cluster.regionOf('');
    await cluster.addPeer(id, 1);
    await cluster.put('a', '1');
    // The first store is to die when it applies a change, which the other has been told of by then.
    cluster.crashPoints = ['admin-before-write'];
    await cluster.stopStore(0);
    await cluster.startStore(0);
    cluster.crashPoints = [];
    const peerOn = (at: number): Peer => {
      const { storeId } = cluster.nodes[at]!.store!;
      return findPeerOnStore(cluster.regionOf(''), storeId)!;
    };
    await cluster.until('the first store leads', () => {
      cluster.scheduler.order(id, () => ({ type: 'transfer-leader', peer: peerOn(0) }));
      return cluster.leaderOf(id) === 0;
    });
    const removed = peerOn(1);
    await cluster.until('it has died', () => {
      cluster.scheduler.order(id, () => ({ type: 'remove-peer', peer: removed }));
      return cluster.crashed.length > 0;
    });
    await cluster.until(
      'the removed peer is gone',
      () => cluster.nodes[1]!.store!.regions().length === 0,
    );
    await cluster.crashStore(0, new Prng(1));
    await cluster.startStore(0);
    await cluster.until('the first store leads alone', () => cluster.leaderOf(id) === 0);
    expect(fromUtf8((await cluster.get('a'))!)).toBe('1');
  });
});
