import { assert, fromUtf8, type NetStream } from '@tinykv/base';
import { findPeerOnStore, type Region, rangesOverlap } from '@tinykv/model';
import { tinykvpeer } from '@tinykv/proto';
import type { GroupUpdate } from '@tinykv/raft';
import type { RegionStatus } from '@tinykv/raftstore';
import { afterEach, describe, expect, it } from 'vitest';
import { TestCluster } from './harness.js';

let cluster: TestCluster;

afterEach(async () => {
  expect(cluster.fatals).toEqual([]);
  await cluster.stop();
});

/** The store that is behind; the other two have everything. */
const F = 2;
const KEYS = 10;

/** Raft messages to the store that is behind get lost; snapshots do not. */
let isDeaf = false;

/** Two stores hold the only Region, with keys on both sides of where it will be cut. */
async function start(logGcEntries = 10_000): Promise<number> {
  cluster = await TestCluster.start({
    config: {
      staleLeaderMs: 2_000,
      replica: {
        tickMs: 50,
        electionTicks: 10,
        heartbeatTicks: 2,
        barrierIntervalMs: 200,
        barrierBytes: 1_000_000,
        logGcIntervalMs: 200,
        logGcEntries,
      },
    },
  });
  isDeaf = false;
  loseMessages(() => isDeaf);
  const { id } = cluster.regionOf('');
  await cluster.addPeer(id, 1);
  for (let i = 0; i < KEYS; i++) await cluster.put(`k${i}`, 'v'.repeat(50));
  return id;
}

function loseMessages(isLost: () => boolean): void {
  const { net } = cluster;
  const open = net.open.bind(net);
  net.open = (address, method, events): NetStream => {
    const stream = open(address, method, events);
    if (address !== cluster.nodes[F]!.address || method !== tinykvpeer.Peer.raft.path)
      return stream;
    const send = stream.send.bind(stream);
    stream.send = (frame): boolean => isLost() || send(frame);
    return stream;
  };
}

/** Holds what a store does behind a door, until it is opened. */
class Door {
  readonly waiting: (() => void)[] = [];
  #isOpen = false;

  /** Undefined once it is open. */
  pass(): Promise<void> | undefined {
    if (this.#isOpen) return undefined;
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Lets one through. */
  next(): void {
    this.waiting.shift()?.();
  }

  open(): void {
    this.#isOpen = true;
    for (const go of this.waiting.splice(0)) go();
  }
}

/** Snapshots that come to the store wait at the door, once their header has been looked at. */
function doorOfSnapshots(): Door {
  const door = new Door();
  const { fs } = cluster.nodes[F]!;
  const openWrite = fs.openWrite.bind(fs);
  fs.openWrite = async (path): ReturnType<typeof fs.openWrite> => {
    await door.pass();
    return openWrite(path);
  };
  return door;
}

/** Snapshot files wait at the door each time that they are read. */
function doorOfFiles(): Door {
  const door = new Door();
  const { fs } = cluster.nodes[F]!;
  const openRead = fs.openRead.bind(fs);
  fs.openRead = async (path): ReturnType<typeof fs.openRead> => {
    await door.pass();
    return openRead(path);
  };
  return door;
}

/** Sees every update of the store's log, and may hold it. */
function onAppend(act: (update: GroupUpdate) => Promise<void> | undefined): void {
  const { log } = cluster.nodes[F]!;
  const append = log.append.bind(log);
  log.append = async (updates): Promise<void> => {
    for (const update of updates) await act(update);
    await append(updates);
  };
}

/** Asks for a peer of the Region on the store that is behind, and does not wait for it. */
async function addPeer(regionId: number): Promise<number> {
  const { storeId } = cluster.nodes[F]!.store!;
  const peer = { id: cluster.scheduler.allocId(), storeId, learner: false };
  await cluster.until('the peer is a member', () => {
    cluster.scheduler.order(regionId, () => ({ type: 'add-peer', peer }));
    const { region } = cluster.scheduler.regions.get(regionId)!;
    return findPeerOnStore(region, storeId)?.id === peer.id;
  });
  return peer.id;
}

async function split(regionId: number): Promise<Region> {
  const before = new Set(cluster.scheduler.regions.values().map(({ id }) => id));
  cluster.scheduler.order(regionId, () => ({ type: 'split', keys: [] }));
  let child: Region | undefined;
  await cluster.until('the region has split', () => {
    child = cluster.scheduler.regions.values().find(({ id }) => !before.has(id))?.region;
    return child !== undefined;
  });
  return child!;
}

function peerOnF(regionId: number): RegionStatus | undefined {
  return cluster.nodes[F]!.store!.regions().find(({ region }) => region.id === regionId);
}

/** At every moment from now on: no two Regions of a store lie over each other. */
async function untilOnF(what: string, condition: () => boolean): Promise<void> {
  await cluster.until(what, () => {
    const known = cluster.nodes[F]!.store!.regions().filter(
      ({ region }) => region.peers.length > 0,
    );
    for (const [i, a] of known.entries()) {
      for (const b of known.slice(i + 1)) {
        assert(!rangesOverlap(a.region.range, b.region.range), 'ranges overlap');
      }
    }
    return condition();
  });
}

async function expectLevel(...regionIds: number[]): Promise<void> {
  for (const id of regionIds) await cluster.expectEqualReplicas(id);
  for (let i = 0; i < KEYS; i++) expect(await cluster.get(`k${i}`)).toBeDefined();
}

describe('create_peer_twice_split_vs_message', () => {
  it('the split comes first: messages wait while the first log is being written', async () => {
    const id = await start();
    await cluster.addPeer(id, F);
    const door = new Door();
    const resets: GroupUpdate[] = [];
    onAppend((update) => {
      if (update.reset === undefined) return undefined;
      resets.push(update);
      return door.pass();
    });
    const child = await split(id);
    await untilOnF('the first log is being written', () => door.waiting.length === 1);
    // The others elect a leader, which speaks to the peer that is not there yet.
    await cluster.clock.run(1_000);
    expect(peerOnF(child.id)).toBeUndefined();
    door.open();
    await untilOnF('the child is here', () => peerOnF(child.id) !== undefined);
    expect(resets).toHaveLength(1);
    expect(peerOnF(child.id)!.peerId).toBe(
      findPeerOnStore(child, cluster.nodes[F]!.store!.storeId)!.id,
    );
    await expectLevel(id, child.id);
  });

  it('the message comes first: the peer that it made gives way, its vote stays', async () => {
    const id = await start();
    const door = doorOfSnapshots();
    await addPeer(id);
    await untilOnF(
      'the snapshot of before the split is on its way',
      () => door.waiting.length === 1,
    );
    let voted: GroupUpdate['hardState'];
    const resets: GroupUpdate[] = [];
    onAppend((update) => {
      if (update.group === id) return undefined;
      if (update.reset === undefined) voted = update.hardState ?? voted;
      else resets.push(update);
      return undefined;
    });
    const child = await split(id);
    await untilOnF('a message has made the child', () => peerOnF(child.id) !== undefined);
    await cluster.clock.run(300);
    expect(peerOnF(child.id)).toMatchObject({ applied: 0, region: { peers: [] } });
    expect(voted?.vote).toBeGreaterThan(0);
    door.next();
    await untilOnF('the split is applied', () => (peerOnF(child.id)?.firstIndex ?? 0) > 1);
    expect(resets[0]).toMatchObject({
      group: child.id,
      reset: { index: 5 },
      hardState: { ...voted, commit: 5 },
    });
    door.open();
    await expectLevel(id, child.id);
  });

  it('the child is removed before the split is applied: what the split makes does not stay', async () => {
    const id = await start();
    await cluster.addPeer(id, F);
    cluster.net.cut(cluster.nodes[F]!.address);
    const child = await split(id);
    await cluster.removePeer(child.id, F);
    cluster.net.heal(cluster.nodes[F]!.address);
    await untilOnF('the split is applied', () => peerOnF(id)!.region.epoch.version > 1);
    await untilOnF('the child is gone', () => peerOnF(child.id) === undefined);
    await cluster.clock.run(1_000);
    expect(await cluster.regionDataOf(F, child)).toBe('');
    await cluster.addPeer(child.id, F);
    await expectLevel(id, child.id);
  });

  it('the peer that a message made is removed at once: the split does not bring it back', async () => {
    const id = await start();
    const door = doorOfSnapshots();
    await addPeer(id);
    await untilOnF(
      'the snapshot of before the split is on its way',
      () => door.waiting.length === 1,
    );
    const child = await split(id);
    await untilOnF('a message has made the child', () => peerOnF(child.id) !== undefined);
    await cluster.removePeer(child.id, F);
    await untilOnF('it is removed', () => peerOnF(child.id) === undefined);
    door.open();
    await untilOnF('the split is applied', () => {
      expect(peerOnF(child.id)).toBeUndefined();
      return peerOnF(id)!.region.epoch.version > 1;
    });
    await cluster.clock.run(10);
    expect(peerOnF(child.id)).toBeUndefined();
    await cluster.clock.run(3_000);
    expect(peerOnF(child.id)).toBeUndefined();
    expect(await cluster.regionDataOf(F, child)).toBe('');
    await cluster.addPeer(child.id, F);
    await expectLevel(id, child.id);
  });

  it('the peer that a message made is just being removed: the split does not bring it back', async () => {
    const id = await start();
    const door = doorOfSnapshots();
    await addPeer(id);
    await untilOnF(
      'the snapshot of before the split is on its way',
      () => door.waiting.length === 1,
    );
    const child = await split(id);
    await untilOnF('a message has made the child', () => peerOnF(child.id) !== undefined);
    await cluster.removePeer(child.id, F);
    const { engine } = cluster.nodes[F]!;
    const write = engine.write.bind(engine);
    const grave = new Door();
    let isFirst = true;
    engine.write = async (batch, options): Promise<void> => {
      const isTombstone = isFirst && options.sync && peerOnF(child.id) === undefined;
      if (isTombstone) isFirst = false;
      if (isTombstone) await grave.pass();
      return write(batch, options);
    };
    await untilOnF('its tombstone is being written', () => grave.waiting.length > 0);
    door.open();
    await untilOnF('the split is applied', () => {
      expect(peerOnF(child.id)).toBeUndefined();
      return peerOnF(id)!.region.epoch.version > 1;
    });
    await cluster.clock.run(10);
    expect(peerOnF(child.id)).toBeUndefined();
    grave.open();
    await cluster.clock.run(3_000);
    expect(peerOnF(child.id)).toBeUndefined();
    expect(await cluster.regionDataOf(F, child)).toBe('');
    await cluster.addPeer(child.id, F);
    await expectLevel(id, child.id);
  });

  it('the peer that a message made is removed while the split is written: one comes after the other', async () => {
    const id = await start();
    const door = doorOfSnapshots();
    await addPeer(id);
    await untilOnF(
      'the snapshot of before the split is on its way',
      () => door.waiting.length === 1,
    );
    const child = await split(id);
    await untilOnF('a message has made the child', () => peerOnF(child.id) !== undefined);
    const { engine } = cluster.nodes[F]!;
    const write = engine.write.bind(engine);
    const record = new Door();
    let held = 0;
    engine.write = async (batch, options): Promise<void> => {
      if (options.sync && peerOnF(id)!.applied > 5 && held < 2) {
        held++;
        await record.pass();
      }
      return write(batch, options);
    };
    door.open();
    await untilOnF('the split is being written', () => held === 1);
    await cluster.removePeer(child.id, F);
    // Long enough for it to ask whether it still exists. A tombstone would come behind the split.
    await cluster.clock.run(5_000);
    expect(held).toBe(1);
    record.next();
    await untilOnF('the split is applied', () => peerOnF(id)!.region.epoch.version > 1);
    await cluster.clock.run(50);
    record.open();
    await untilOnF('the child is gone', () => peerOnF(child.id) === undefined);
    await cluster.clock.run(1_000);
    expect(await cluster.regionDataOf(F, child)).toBe('');
    await cluster.addPeer(child.id, F);
    await expectLevel(id, child.id);
  });

  it('the peer that a message made is another than that of the split: the newer id stays', async () => {
    const id = await start();
    const door = doorOfSnapshots();
    await addPeer(id);
    await untilOnF(
      'the snapshot of before the split is on its way',
      () => door.waiting.length === 1,
    );
    isDeaf = true;
    const child = await split(id);
    await cluster.removePeer(child.id, F);
    const newer = await addPeer(child.id);
    isDeaf = false;
    await untilOnF('a message has made the newer', () => peerOnF(child.id)?.peerId === newer);
    door.next();
    await untilOnF('the split is applied', () => {
      expect(peerOnF(child.id)?.peerId).toBe(newer);
      return peerOnF(id)!.region.epoch.version > 1;
    });
    expect(peerOnF(child.id)).toMatchObject({ peerId: newer, applied: 0 });
    door.open();
    await expectLevel(id, child.id);
    expect(peerOnF(child.id)!.peerId).toBe(newer);
  });
});

describe('split_with_overlapping_snapshot', () => {
  it('the child comes by snapshot before the snapshot that still covers it: that one is refused', async () => {
    const id = await start();
    const door = doorOfSnapshots();
    await addPeer(id);
    await untilOnF(
      'the snapshot of before the split is on its way',
      () => door.waiting.length === 1,
    );
    const child = await split(id);
    await untilOnF('that of the child is too', () => door.waiting.length === 2);
    const [ofParent] = door.waiting.splice(0, 1);
    door.open();
    await untilOnF('the child is whole', () => (peerOnF(child.id)?.applied ?? 0) > 5);
    for (let i = 0; i < KEYS; i++) await cluster.put(`k${i}`, 'newer');
    await cluster.expectEqualReplicas(child.id);
    const data = await cluster.regionDataOf(F, child);
    ofParent!();
    await untilOnF('the parent is whole', () => (peerOnF(id)?.applied ?? 0) > 5);
    expect(await cluster.regionDataOf(F, child)).toBe(data);
    await expectLevel(id, child.id);
    for (let i = 0; i < KEYS; i++) expect(fromUtf8((await cluster.get(`k${i}`))!)).toBe('newer');
  });

  it('it is refused as well when it is being verified while the child is installed', async () => {
    const id = await start();
    const door = doorOfFiles();
    await addPeer(id);
    await untilOnF(
      'the snapshot of before the split is read back',
      () => door.waiting.length === 1,
    );
    const child = await split(id);
    await untilOnF('that of the child is too', () => door.waiting.length === 2);
    const [ofParent] = door.waiting.splice(0, 1);
    // The child's goes to the core and stops before it is installed; the parent's goes on now.
    door.next();
    await untilOnF('the child is being installed', () => door.waiting.length === 1);
    ofParent!();
    await cluster.clock.run(100);
    door.open();
    await expectLevel(id, child.id);
  });

  it('the snapshot that covers the child is being installed: the child waits for the split', async () => {
    const id = await start();
    const door = doorOfFiles();
    await addPeer(id);
    await untilOnF(
      'the snapshot of before the split is read back',
      () => door.waiting.length === 1,
    );
    door.next();
    await untilOnF('it is being installed', () => door.waiting.length === 1);
    const child = await split(id);
    await cluster.clock.run(1_000);
    expect(door.waiting).toHaveLength(1);
    expect(peerOnF(child.id)).toBeUndefined();
    door.open();
    await untilOnF('the split is applied', () => (peerOnF(child.id)?.applied ?? 0) > 5);
    await expectLevel(id, child.id);
  });

  it('a follower that has yet to apply the split gets the child only after it', async () => {
    const id = await start(5);
    await cluster.addPeer(id, F);
    const door = new Door();
    onAppend(() => door.pass());
    const child = await split(id);
    // The log of the child is gone on the others: what the follower needs is a snapshot.
    for (let i = 0; i < 40; i++) await cluster.put('k0', `${i}`);
    for (let i = 0; i < 40; i++) await cluster.put('k9', `${i}`);
    await cluster.clock.run(1_000);
    expect(peerOnF(child.id)).toBeUndefined();
    expect(peerOnF(id)!.region.epoch.version).toBe(1);
    door.open();
    await untilOnF('both are whole', () => (peerOnF(child.id)?.applied ?? 0) > 20);
    await expectLevel(id, child.id);
    expect(fromUtf8((await cluster.get('k9'))!)).toBe('39');
  });

  it('a follower that missed the split gets two snapshots, the smaller parent first', async () => {
    const id = await start(5);
    await cluster.addPeer(id, F);
    cluster.net.cut(cluster.nodes[F]!.address);
    const child = await split(id);
    for (let i = 0; i < 40; i++) await cluster.put('k0', `${i}`);
    for (let i = 0; i < 40; i++) await cluster.put('k9', `${i}`);
    await cluster.clock.run(1_000);
    const door = doorOfSnapshots();
    cluster.net.heal(cluster.nodes[F]!.address);
    await untilOnF('the snapshot of the parent is on its way', () => door.waiting.length === 1);
    await cluster.clock.run(1_000);
    // It lies where the old parent still stands.
    expect(door.waiting).toHaveLength(1);
    expect(peerOnF(child.id)).toBeUndefined();
    door.open();
    await untilOnF('both are whole', () => (peerOnF(child.id)?.applied ?? 0) > 20);
    await expectLevel(id, child.id);
  });
});
