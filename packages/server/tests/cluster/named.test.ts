import { fromUtf8, limits, type Result, utf8 } from '@tinykv/base';
import { findPeerOnStore, type Modify, type RegionError } from '@tinykv/model';
import { afterEach, describe, expect, it } from 'vitest';
import { type ClusterOptions, TestCluster } from './harness.js';

let cluster: TestCluster;

afterEach(async () => {
  expect(cluster.fatals).toEqual([]);
  await cluster.stop();
});

async function start(options: ClusterOptions = {}): Promise<number> {
  cluster = await TestCluster.start(options);
  const { id } = cluster.regionOf('');
  for (let at = 1; at < cluster.nodes.length; at++) await cluster.addPeer(id, at);
  await cluster.put('a', '1');
  return id;
}

const putA: Modify = { type: 'raw-put', cf: 'default', key: utf8('a'), value: utf8('2') };

function errorType(result: Result<unknown, RegionError>): string {
  return result.ok ? 'ok' : result.error.type;
}

describe('region errors', () => {
  it('are those of TinyKV, in its order', async () => {
    const id = await start();
    const region = cluster.regionOf('a');
    const leader = cluster.leaderOf(id)!;
    const follower = (leader + 1) % 3;
    const ask = async (at: number, change: object, keys: Uint8Array[] = []): Promise<string> => {
      const { access } = cluster.nodes[at]!.store!;
      const context = { ...cluster.context(region, at), ...change };
      return errorType(await cluster.clock.runUntil(access.acquireWrite(context, keys)));
    };
    expect(await ask(leader, {})).toBe('ok');
    expect(await ask(leader, { peer: { id: 1, storeId: 99, learner: false } })).toBe('other');
    expect(await ask(leader, { regionId: 99 })).toBe('region-not-found');
    expect(await ask(follower, {})).toBe('not-leader');
    const peer = findPeerOnStore(region, cluster.nodes[leader]!.store!.storeId)!;
    expect(await ask(leader, { peer: { ...peer, id: 99 } })).toBe('other');
    const { term } = cluster.nodes[leader]!.store!.regions()[0]!;
    expect(await ask(leader, { term: term - 2 })).toBe('stale-command');
    expect(await ask(leader, { term: term - 1 })).toBe('ok');
    expect(await ask(leader, { epoch: undefined })).toBe('other');
    const { epoch } = region;
    const newer = { ...epoch, version: epoch.version + 1 };
    expect(await ask(leader, { epoch: newer })).toBe('epoch-not-match');
    const otherPeers = { ...epoch, confVer: epoch.confVer - 1 };
    expect(await ask(leader, { epoch: otherPeers })).toBe('ok');
  });
});

describe('stale_epoch_rejected_everywhere', () => {
  it('a command decided before a split is refused when proposed and when applied after it', async () => {
    const id = await start({ config: { regionMaxBytes: 1_000_000, regionSplitBytes: 500_000 } });
    for (let i = 0; i < 8; i++) await cluster.put(`k${i}`, 'v'.repeat(50));
    const region = cluster.regionOf('a');
    const at = cluster.leaderOf(id)!;
    const { access } = cluster.nodes[at]!.store!;
    const read = await cluster.clock.runUntil(
      access.acquireRead(cluster.context(region, at), [utf8('a')]),
    );
    const write = await cluster.clock.runUntil(
      access.acquireWrite(cluster.context(region, at), [utf8('a')]),
    );
    if (!read.ok || !write.ok) throw new Error('refused before the split');
    expect(read.value.confirm().ok).toBe(true);
    const status = () => cluster.nodes[at]!.store!.regions().find((r) => r.region.id === id)!;
    // Without followers the split stays in the log of the leader, and this command lies behind it.
    const others = cluster.nodes.filter((_, other) => other !== at);
    for (const { address } of others) cluster.net.cut(address);
    const splitAt = status().lastIndex + 1;
    cluster.scheduler.order(id, () => ({ type: 'split', keys: [] }));
    for (let ms = 0; ms < 400 && status().lastIndex < splitAt; ms++) await cluster.clock.run(1);
    const racing = access.propose(write.value, [putA]);
    await cluster.clock.settle();
    expect(status().lastIndex).toBe(splitAt + 1);
    expect(status().region.epoch.version).toBe(region.epoch.version);
    for (const { address } of others) cluster.net.heal(address);
    await cluster.until('the region has split', () => cluster.scheduler.regions.size === 2);
    expect(errorType(await cluster.clock.runUntil(racing))).toBe('epoch-not-match');
    expect(errorType(read.value.confirm())).toBe('epoch-not-match');
    const late = await cluster.clock.runUntil(access.propose(write.value, [putA]));
    expect(errorType(late)).toBe('epoch-not-match');
    const context = cluster.context(region, at);
    const again = await cluster.clock.runUntil(access.acquireWrite(context, [utf8('a')]));
    expect(again).toMatchObject({
      ok: false,
      error: { type: 'epoch-not-match', currentRegions: [{ id }, { id: expect.any(Number) }] },
    });
    expect(fromUtf8((await cluster.get('a'))!)).toBe('1');
  });

  it('a key that the split took away is not in the region', async () => {
    const id = await start({ config: { regionMaxBytes: 1_000_000, regionSplitBytes: 500_000 } });
    for (let i = 0; i < 8; i++) await cluster.put(`k${i}`, 'v'.repeat(50));
    cluster.scheduler.order(id, () => ({ type: 'split', keys: [] }));
    await cluster.until('the region has split', () => cluster.scheduler.regions.size === 2);
    const [left, right] = cluster.scheduler.regions.values();
    const at = cluster.leaderOf(left!.id)!;
    const { access } = cluster.nodes[at]!.store!;
    const key = right!.region.range.start.length > 0 ? utf8('zzz') : utf8('');
    const result = await cluster.clock.runUntil(
      access.acquireWrite(cluster.context(left!.region, at), [key]),
    );
    expect(errorType(result)).toBe('key-not-in-region');
  });
});

describe('destroyed_peer_reads_fail', () => {
  it('a view of a Region that leaves the store does not confirm', async () => {
    const id = await start();
    const at = cluster.leaderOf(id)!;
    const region = cluster.regionOf('a');
    const { access } = cluster.nodes[at]!.store!;
    const view = await cluster.clock.runUntil(
      access.acquireRead(cluster.context(region, at), [utf8('a')]),
    );
    if (!view.ok) throw new Error('refused');
    await cluster.removePeer(id, at);
    await cluster.until('the peer is gone', () => cluster.nodes[at]!.store!.regions().length === 0);
    expect(view.value.confirm().ok).toBe(false);
  });
});

describe('lease_read_pause_between_check_and_read', () => {
  it('a leader that stood still past its lease refuses what it had begun to read', async () => {
    const id = await start();
    const at = cluster.leaderOf(id)!;
    const region = cluster.regionOf('a');
    await cluster.clock.run(500);
    const { access } = cluster.nodes[at]!.store!;
    const view = await access.acquireRead(cluster.context(region, at), [utf8('a')]);
    if (!view.ok) throw new Error('no lease');
    expect(view.value.confirm().ok).toBe(true);
    // The process stands still. The others elect one of them, which acknowledges a write.
    const { mortal, store } = cluster.nodes[at]!;
    mortal!.freeze();
    const leads = (node: number): boolean =>
      node !== at && cluster.nodes[node]!.store!.regions().some((r) => r.role === 'StateLeader');
    await cluster.until('another leads', () => [0, 1, 2].some(leads));
    const next = [0, 1, 2].find(leads)!;
    const written = await cluster.clock.runUntil(
      cluster.nodes[next]!.raw!.put(cluster.context(region, next), 'default', utf8('a'), utf8('3')),
    );
    expect(written.ok).toBe(true);
    // It wakes in the middle of the read: neither a timer nor a message has told it anything yet.
    expect(store!.regions().map((r) => r.role)).toEqual(['StateLeader']);
    expect(errorType(view.value.confirm())).toBe('not-leader');
    mortal!.thaw();
    await cluster.until('it follows', () => store!.regions()[0]!.role === 'StateFollower');
    expect(errorType(view.value.confirm())).toBe('not-leader');
    expect(fromUtf8((await cluster.get('a'))!)).toBe('3');
  });
});

describe('removed_peer_cannot_disrupt_and_is_collected', () => {
  it('a peer removed while it was cut off is told so, goes, and comes back under a new id', async () => {
    const id = await start({ stores: 4 });
    const gone = (cluster.leaderOf(id)! + 1) % 4;
    await cluster.stopStore(gone);
    const storeId = [...cluster.scheduler.stores.keys()][gone]!;
    await cluster.until('the peer is removed', () => {
      const peer = findPeerOnStore(cluster.scheduler.regions.get(id)!.region, storeId);
      if (peer === undefined) return true;
      cluster.scheduler.order(id, () => ({ type: 'remove-peer', peer }));
      return false;
    });
    await cluster.put('a', '2');
    const term = cluster.nodes[cluster.leaderOf(id)!]!.store!.regions()[0]!.term;
    await cluster.startStore(gone);
    await cluster.until(
      'the removed peer is collected',
      () => cluster.nodes[gone]!.store!.regions().length === 0,
    );
    expect(cluster.nodes[cluster.leaderOf(id)!]!.store!.regions()[0]!.term).toBe(term);
    await cluster.clock.run(1_000);
    expect(await cluster.dataOf(gone)).toBe('');
    await cluster.addPeer(id, gone);
    await cluster.expectEqualReplicas(id);
  });
});

describe('limits', () => {
  it('a Region answers busy when too many commands wait', async () => {
    const id = await start({ stores: 1 });
    const region = cluster.regionOf('a');
    const { access } = cluster.nodes[0]!.store!;
    const view = await cluster.clock.runUntil(access.acquireWrite(cluster.context(region, 0), []));
    if (!view.ok) throw new Error('refused');
    const all = Array.from({ length: limits.regionPendingCommandsMax + 3 }, () =>
      access.propose(view.value, [putA]),
    );
    const results = await cluster.clock.runUntil(Promise.all(all));
    expect(results.filter((r) => errorType(r) === 'server-is-busy')).toHaveLength(3);
    expect(results.filter((r) => r.ok)).toHaveLength(limits.regionPendingCommandsMax);
    expect(cluster.leaderOf(id)).toBe(0);
  });

  it('a Region answers busy when the bytes that wait are too many', async () => {
    await start({ stores: 1 });
    const { access } = cluster.nodes[0]!.store!;
    const context = cluster.context(cluster.regionOf('a'), 0);
    const view = await cluster.clock.runUntil(access.acquireWrite(context, []));
    if (!view.ok) throw new Error('refused');
    const big: Modify = {
      ...putA,
      type: 'raw-put',
      cf: 'default',
      value: new Uint8Array(4_000_000),
    };
    const count = Math.floor(limits.regionPendingBytesMax / 4_000_000) + 1;
    const all = Array.from({ length: count }, () => access.propose(view.value, [big]));
    const results = await cluster.clock.runUntil(Promise.all(all));
    expect(results.map(errorType)).toContain('server-is-busy');
    expect(results.map(errorType)).toContain('ok');
  });

  it('an entry that is too large is refused before it is proposed', async () => {
    await start({ stores: 1 });
    const { access } = cluster.nodes[0]!.store!;
    const context = cluster.context(cluster.regionOf('a'), 0);
    const view = await cluster.clock.runUntil(access.acquireWrite(context, []));
    if (!view.ok) throw new Error('refused');
    const value = new Uint8Array(limits.raftEntryBytesMax);
    const result = await access.propose(view.value, [
      { type: 'raw-put', cf: 'default', key: utf8('a'), value },
    ]);
    expect(errorType(result)).toBe('raft-entry-too-large');
  });
});
