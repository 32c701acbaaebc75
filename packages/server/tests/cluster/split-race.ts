import { assert, type NetStream } from '@tinykv/base';
import { findPeerOnStore, type Region, rangesOverlap } from '@tinykv/model';
import { tinykvpeer } from '@tinykv/proto';
import type { GroupUpdate } from '@tinykv/raft';
import type { RegionStatus } from '@tinykv/raftstore';
import { expect } from 'vitest';
import { TestCluster } from './harness.js';

/** The store that is behind; the other two have everything. */
export const F = 2;
export const KEYS = 10;

/** Holds what a store does behind a door, until it is opened. */
export class Door {
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

/** Three stores, of which two hold the only Region, with keys on both sides of where it will be cut. */
export class SplitRace {
  readonly cluster: TestCluster;
  /** The Region that is to be split. */
  readonly parent: number;
  /** Raft messages to the store that is behind get lost; snapshots do not. */
  isDeaf = false;

  private constructor(cluster: TestCluster) {
    this.cluster = cluster;
    this.parent = cluster.regionOf('').id;
  }

  static async start(logGcEntries = 10_000): Promise<SplitRace> {
    const cluster = await TestCluster.start({
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
    const race = new SplitRace(cluster);
    race.#loseMessages();
    await cluster.addPeer(race.parent, 1);
    for (let i = 0; i < KEYS; i++) await cluster.put(`k${i}`, 'v'.repeat(50));
    return race;
  }

  async stop(): Promise<void> {
    expect(this.cluster.fatals).toEqual([]);
    await this.cluster.stop();
  }

  #loseMessages(): void {
    const { net, nodes } = this.cluster;
    const open = net.open.bind(net);
    net.open = (address, method, events): NetStream => {
      const stream = open(address, method, events);
      if (address !== nodes[F]!.address || method !== tinykvpeer.Peer.raft.path) return stream;
      const send = stream.send.bind(stream);
      stream.send = (frame): boolean => this.isDeaf || send(frame);
      return stream;
    };
  }

  /** Snapshots that come to the store wait at the door, once their header has been looked at. */
  doorOfSnapshots(): Door {
    const door = new Door();
    const { fs } = this.cluster.nodes[F]!;
    const openWrite = fs.openWrite.bind(fs);
    fs.openWrite = async (path): ReturnType<typeof fs.openWrite> => {
      await door.pass();
      return openWrite(path);
    };
    return door;
  }

  /** Snapshot files wait at the door each time that they are read. */
  doorOfFiles(): Door {
    const door = new Door();
    const { fs } = this.cluster.nodes[F]!;
    const openRead = fs.openRead.bind(fs);
    fs.openRead = async (path): ReturnType<typeof fs.openRead> => {
      await door.pass();
      return openRead(path);
    };
    return door;
  }

  /** Engine writes of the store that `holds` names wait at the door. */
  doorOfWrites(holds: (isSynced: boolean) => boolean): Door {
    const door = new Door();
    const { engine } = this.cluster.nodes[F]!;
    const write = engine.write.bind(engine);
    engine.write = async (batch, options): Promise<void> => {
      if (holds(options.sync)) await door.pass();
      return write(batch, options);
    };
    return door;
  }

  /** Sees every update of the store's log, and may hold it. */
  onAppend(act: (update: GroupUpdate) => Promise<void> | undefined): void {
    const { log } = this.cluster.nodes[F]!;
    const append = log.append.bind(log);
    log.append = async (updates): Promise<void> => {
      for (const update of updates) await act(update);
      await append(updates);
    };
  }

  /** Asks for a peer of the Region on the store that is behind, and does not wait for it. */
  async addPeer(regionId: number): Promise<number> {
    const { scheduler, nodes } = this.cluster;
    const { storeId } = nodes[F]!.store!;
    const peer = { id: scheduler.allocId(), storeId, learner: false };
    await this.cluster.until('the peer is a member', () => {
      scheduler.order(regionId, () => ({ type: 'add-peer', peer }));
      const { region } = scheduler.regions.get(regionId)!;
      return findPeerOnStore(region, storeId)?.id === peer.id;
    });
    return peer.id;
  }

  /** Adds a peer of the parent, whose snapshot of before the split waits at the door. */
  async addParentBehind(door: Door): Promise<void> {
    await this.addPeer(this.parent);
    const what = 'the snapshot of before the split is at the door';
    await this.until(what, () => door.waiting.length === 1);
  }

  /** The child. */
  async split(): Promise<Region> {
    const { scheduler } = this.cluster;
    const before = new Set(scheduler.regions.values().map(({ id }) => id));
    scheduler.order(this.parent, () => ({ type: 'split', keys: [] }));
    let child: Region | undefined;
    await this.cluster.until('the region has split', () => {
      child = scheduler.regions.values().find(({ id }) => !before.has(id))?.region;
      return child !== undefined;
    });
    return child!;
  }

  /** Splits, and a message makes a peer of the child on the store that is behind. */
  async splitWithMessage(): Promise<Region> {
    const child = await this.split();
    await this.until('a message has made the child', () => this.peer(child.id) !== undefined);
    return child;
  }

  /** Of the store that is behind. */
  peer(regionId: number): RegionStatus | undefined {
    return this.cluster.nodes[F]!.store!.regions().find(({ region }) => region.id === regionId);
  }

  get isSplitApplied(): boolean {
    return this.peer(this.parent)!.region.epoch.version > 1;
  }

  /** At every moment from now on: no two Regions of the store lie over each other. */
  async until(what: string, condition: () => boolean): Promise<void> {
    await this.cluster.until(what, () => {
      const all = this.cluster.nodes[F]!.store!.regions();
      const known = all.filter(({ region }) => region.peers.length > 0);
      for (const [i, a] of known.entries()) {
        for (const b of known.slice(i + 1)) {
          assert(!rangesOverlap(a.region.range, b.region.range), 'ranges overlap');
        }
      }
      return condition();
    });
  }

  /** The split is applied on the store and at no moment makes a peer of the child there. */
  async untilSplitWithout(child: Region): Promise<void> {
    await this.until('the split is applied', () => {
      expect(this.peer(child.id)).toBeUndefined();
      return this.isSplitApplied;
    });
    await this.cluster.clock.run(10);
    expect(this.peer(child.id)).toBeUndefined();
  }

  async expectLevel(child: Region): Promise<void> {
    for (const id of [this.parent, child.id]) await this.cluster.expectEqualReplicas(id);
    for (let i = 0; i < KEYS; i++) expect(await this.cluster.get(`k${i}`)).toBeDefined();
  }

  /** The child has no peer and no data on the store for some time, and may come back as any other. */
  async expectGoneForGood(child: Region, ms: number): Promise<void> {
    await this.cluster.clock.run(ms);
    expect(this.peer(child.id)).toBeUndefined();
    expect(await this.cluster.regionDataOf(F, child)).toBe('');
    await this.cluster.addPeer(child.id, F);
    await this.expectLevel(child);
  }
}
