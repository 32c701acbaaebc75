import { assert, type NetStream, type StreamEvents } from '@tinykv/base';
import type { Peer, Region, RegionOperator } from '@tinykv/model';
import {
  operatorFromWire,
  regionToWire,
  reportToWire,
  schedulerpb,
  storeStatsToWire,
} from '@tinykv/proto';
import { ADDRESS, type Harness } from './harness.js';

const SNAPSHOT_MS = 300;
const COMMAND_MS = 20;
const HEARTBEAT_MS = 1_000;
const FAILOVER_MS = 2_000;

interface ToyRegion {
  region: Region;
  leader: Peer;
  term: number;
  bytes: number;
  /** Peers that have the log. */
  readonly caughtUp: Set<number>;
  /** A conf change is under way: leaders refuse a second. */
  changing: boolean;
}

interface ToyStore {
  readonly id: number;
  alive: boolean;
  /** It serves its peers and does not reach the scheduler. */
  muted: boolean;
  stream: NetStream | undefined;
}

/**
 * Stores that do what the scheduler asks, in encoded bytes over a network in memory, without any Raft:
 * conf changes take effect after a moment, new peers are pending until their snapshot has come, and
 * leaders of dead stores are followed by healthy voters. Checks that no Region ever drops below quorum.
 */
export class ToyCluster {
  readonly #harness: Harness;
  readonly stores = new Map<number, ToyStore>();
  readonly regions = new Map<number, ToyRegion>();
  /** Answers that asked for something. */
  operatorsSeen = 0;
  /** Regions that nobody leads, and so nobody reports. */
  readonly leaderless: Set<number> = new Set();
  /** Stores say how many of their Regions nobody leads; TinyKV's do not. */
  saysLeaderless = true;

  constructor(harness: Harness) {
    this.#harness = harness;
  }

  /** The first store, with the first Region. */
  async bootstrap(of: Region): Promise<void> {
    const store = { id: of.peers[0]!.storeId, address: `store:${of.peers[0]!.storeId}` };
    await this.#harness.call(schedulerpb.Scheduler.bootstrap, { store, region: regionToWire(of) });
    await this.addStore(store.id);
    this.addRegion(of);
  }

  async addStore(id: number): Promise<void> {
    const store = { id, address: `store:${id}` };
    await this.#harness.call(schedulerpb.Scheduler.putStore, { store });
    const toy: ToyStore = { id, alive: true, muted: false, stream: undefined };
    this.stores.set(id, toy);
    this.#beat(toy);
  }

  addRegion(of: Region, bytes = 100_000): void {
    const caughtUp = new Set(of.peers.map((peer) => peer.id));
    const toy = { region: of, leader: of.peers[0]!, term: 6, bytes, caughtUp, changing: false };
    this.regions.set(of.id, toy);
    this.#report(toy);
  }

  kill(id: number): void {
    const store = this.#store(id);
    store.alive = false;
    store.stream?.destroy();
    this.#harness.clock.after(FAILOVER_MS, () => {
      for (const toy of this.regions.values()) if (toy.leader.storeId === id) this.#elect(toy);
    });
  }

  mute(id: number): void {
    this.#store(id).muted = true;
  }

  /** How many Regions have a peer, and a leader, on each store. */
  counts(role: 'peer' | 'leader'): Record<number, number> {
    const out: Record<number, number> = {};
    for (const id of this.stores.keys()) out[id] = 0;
    for (const { region, leader } of this.regions.values()) {
      const peers = role === 'leader' ? [leader] : region.peers;
      for (const peer of peers) out[peer.storeId]! += 1;
    }
    return out;
  }

  #store(id: number): ToyStore {
    const store = this.stores.get(id);
    assert(store !== undefined, `store ${id}`);
    return store;
  }

  #isAlive(peer: Peer): boolean {
    return this.stores.get(peer.storeId)?.alive === true;
  }

  #beat(store: ToyStore): void {
    if (!store.alive) return;
    this.#harness.clock.after(HEARTBEAT_MS, () => this.#beat(store));
    if (store.muted) return;
    const regionCount = this.counts('peer')[store.id]!;
    const stats = storeStatsToWire({
      storeId: store.id,
      capacity: 1e12,
      available: 9e11,
      usedSize: 1e11,
      regionCount,
      sendingSnapshots: 0,
      receivingSnapshots: 0,
      applyingSnapshots: 0,
      startTime: 0,
      isBusy: false,
      damagedPeers: [],
      leaderlessRegions: this.saysLeaderless ? this.#leaderlessOn(store.id) : 0,
    });
    const { storeHeartbeat } = schedulerpb.Scheduler;
    const header = { clusterId: this.#harness.clusterId };
    const bytes = storeHeartbeat.request.encode({ header, stats });
    // The scheduler may be away: the next beat comes soon.
    this.#harness.net
      .call(ADDRESS, storeHeartbeat.path, bytes, { timeoutMs: 500 })
      .catch(() => undefined);
    for (const toy of this.regions.values()) {
      if (toy.leader.storeId === store.id) this.#report(toy);
    }
  }

  #leaderlessOn(storeId: number): number {
    const regions = [...this.leaderless].map((id) => this.regions.get(id)!.region);
    return regions.filter(({ peers }) => peers.some((peer) => peer.storeId === storeId)).length;
  }

  #report(toy: ToyRegion): void {
    if (!this.#isAlive(toy.leader) || this.leaderless.has(toy.region.id)) return;
    const store = this.#store(toy.leader.storeId);
    if (store.muted) return;
    store.stream ??= this.#open(store);
    const { peers } = toy.region;
    const message = reportToWire({
      region: toy.region,
      leader: toy.leader,
      term: toy.term,
      pendingPeers: peers.filter((peer) => !toy.caughtUp.has(peer.id)),
      downPeers: peers.filter((peer) => !this.#isAlive(peer)),
      approximateBytes: toy.bytes,
      approximateKeys: 10,
    });
    const header = { clusterId: this.#harness.clusterId };
    store.stream.send(schedulerpb.RegionHeartbeatRequest.encode({ header, ...message }));
  }

  #open(store: ToyStore): NetStream {
    const events: StreamEvents = {
      onMessage: (bytes) => {
        const operator = operatorFromWire(schedulerpb.RegionHeartbeatResponse.decode(bytes));
        if (operator !== undefined && store.alive) this.#obey(operator);
      },
      onClose: () => {
        store.stream = undefined;
      },
    };
    return this.#harness.net.open(ADDRESS, schedulerpb.Scheduler.regionHeartbeat.path, events);
  }

  /** A leader checks the epoch and that it leads, then acts a moment later. */
  #obey(operator: RegionOperator): void {
    this.operatorsSeen++;
    const toy = this.regions.get(operator.regionId);
    if (toy === undefined || toy.leader.id !== operator.targetPeer?.id || toy.changing) return;
    const { epoch } = toy.region;
    if (epoch.confVer !== operator.epoch.confVer || epoch.version !== operator.epoch.version)
      return;
    toy.changing = true;
    this.#harness.clock.after(COMMAND_MS, () => {
      toy.changing = false;
      if (operator.type === 'transfer-leader') this.#transfer(toy, operator.peer);
      else if (operator.type !== 'split') this.#change(toy, operator.type, operator.peer);
      this.#report(toy);
    });
  }

  #transfer(toy: ToyRegion, peer: Peer): void {
    assert(toy.caughtUp.has(peer.id), `region ${toy.region.id} handed to peer ${peer.id} in vain`);
    if (!this.#isAlive(peer)) return;
    toy.leader = peer;
    toy.term++;
  }

  #elect(toy: ToyRegion): void {
    const next = toy.region.peers.find(
      (peer) => !peer.learner && this.#isAlive(peer) && toy.caughtUp.has(peer.id),
    );
    assert(next !== undefined, `region ${toy.region.id} is lost`);
    this.#transfer(toy, next);
    this.#report(toy);
  }

  #change(toy: ToyRegion, type: 'add-peer' | 'remove-peer', peer: Peer): void {
    // A conf change commits by a quorum of the old configuration.
    this.checkQuorum(toy, 'before');
    const rest = toy.region.peers.filter((known) => known.id !== peer.id);
    const known = toy.region.peers.find(({ id }) => id === peer.id);
    const isSame = type === 'add-peer' && known?.learner === peer.learner;
    if (isSame || (type === 'remove-peer' && known === undefined)) return;
    assert(type === 'add-peer' || toy.leader.id !== peer.id, 'a leader was asked to remove itself');
    assert(
      type !== 'add-peer' || rest.every(({ storeId }) => storeId !== peer.storeId),
      () => `region ${toy.region.id}: a second peer on store ${peer.storeId}`,
    );
    const peers = type === 'add-peer' ? [...rest, peer] : rest;
    const epoch = { ...toy.region.epoch, confVer: toy.region.epoch.confVer + 1 };
    toy.region = { ...toy.region, peers, epoch };
    this.checkQuorum(toy, 'after');
    if (type === 'remove-peer') toy.caughtUp.delete(peer.id);
    else if (!toy.caughtUp.has(peer.id)) this.#sendSnapshot(toy, peer);
  }

  #sendSnapshot(toy: ToyRegion, peer: Peer): void {
    this.#harness.clock.after(SNAPSHOT_MS, () => {
      const isMember = toy.region.peers.some(({ id }) => id === peer.id);
      if (!isMember || !this.#isAlive(peer)) return;
      toy.caughtUp.add(peer.id);
      this.#report(toy);
    });
  }

  /** A quorum of voters that live and have the log. */
  checkQuorum(toy: ToyRegion, when: string): void {
    const voters = toy.region.peers.filter((peer) => !peer.learner);
    const healthy = voters.filter((peer) => this.#isAlive(peer) && toy.caughtUp.has(peer.id));
    assert(
      healthy.length >= Math.floor(voters.length / 2) + 1,
      () =>
        `region ${toy.region.id}: ${healthy.length} of ${voters.length} voters ${when} a change`,
    );
  }
}
