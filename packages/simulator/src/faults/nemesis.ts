import { assertNever } from '@tinykv/base';
import { isEpochStale, type Region } from '@tinykv/model';
import type { Cluster } from '../cluster/cluster.js';
import type { Node } from '../cluster/node.js';
import type { StoreNode } from '../cluster/store-node.js';
import type { Tally } from '../run/tally.js';
import type { Fault } from './fault.js';

/** Longer than any lease: a leader frozen for this long has been replaced. */
const LONGER_THAN_LEASE_MS = 1_500;
/** Pause before a process that ended by itself is started again. */
const RESTART_MS = 500;
/** More stores than this are not added to a cluster. */
const STORES_MAX = 5;
/** How long a person waits before asking again for what the scheduler did not do. */
const ASK_AGAIN_MS = 1_000;
/** Voters of a Region that may lose one for good. */
const VOTERS_MIN = 3;

/** Carries out the faults of a plan, and undoes them. */
export class Nemesis {
  readonly #cluster: Cluster;
  readonly #tally: Tally;
  /** Nodes that a fault starts again when it ends. */
  readonly #held = new Set<Node>();
  /** One store of this run will be lost for good: every Region must be able to spare one. */
  #losesStore = false;
  #healed = false;

  constructor(cluster: Cluster, tally: Tally) {
    this.#cluster = cluster;
    this.#tally = tally;
  }

  schedule(faults: readonly Fault[]): void {
    this.#losesStore = faults.some(({ kind }) => kind === 'bit-rot' || kind === 'wipe-store');
    for (const fault of faults) {
      this.#cluster.world.after(fault.at, fault.kind, () => this.#carryOut(fault));
    }
  }

  /** Ends every fault: the network is whole, disks work, everything runs. */
  async heal(): Promise<void> {
    this.#healed = true;
    const { network, world } = this.#cluster;
    network.healAll();
    network.traits = { ...network.traits, lossRate: 0, duplicateRate: 0, reorderRate: 0 };
    network.traits = { ...network.traits, delayMeanMs: 1 };
    for (const store of this.#cluster.stores) {
      if (store.damaged) await this.#replace(store);
    }
    for (const node of this.#cluster.nodes) {
      this.#healDisk(node);
      node.fatalPoints = 0;
      node.machine.clock.drift(world.now, 1);
      node.proc?.thaw();
      if (!node.running) await node.start();
    }
  }

  /** A process has ended: unless a fault holds it down, it is started again, as by systemd. */
  stopped(node: Node): void {
    if (!this.#held.has(node)) this.#restartLater(node, RESTART_MS);
  }

  #restartLater(node: Node, ms: number): void {
    this.#cluster.world.after(ms, 'restart', () => {
      this.#held.delete(node);
      if (!node.running) void node.start();
    });
  }

  #carryOut(fault: Fault): void {
    if (this.#healed) return;
    this.#cluster.world.log('nemesis', fault.kind, { ...fault });
    if (this.#begin(fault)) this.#tally.fault(fault.kind);
  }

  /** False when there was nothing to do it to. */
  #begin(fault: Fault): boolean {
    const { stores, scheduler, gateways, clients, mortals, network } = this.#cluster;
    const { target, lastsMs } = fault;
    const store = pick(stores, target);
    switch (fault.kind) {
      case 'crash-store':
        return this.#crash(store, lastsMs);
      case 'crash-all':
        return [...stores, scheduler].map((node) => this.#crash(node, lastsMs)).some(Boolean);
      case 'crash-scheduler':
        // Now and then the machine comes back with another idea of the time.
        if (fault.amount < 0.3) scheduler.machine.clock.jumpWall((fault.amount - 0.2) * 300_000);
        return this.#crash(scheduler, lastsMs);
      case 'crash-gateway':
        return gateways.length > 0 && this.#crash(pick(gateways, target), lastsMs);
      case 'crash-client':
        return mortals.length > 0 && this.#crash(pick(mortals, target), lastsMs);
      case 'stall-scheduler':
        return this.#stallScheduler(fault);
      case 'freeze-store':
        return this.#freeze(this.#leaderOr(store, fault), lastsMs);
      case 'freeze-isolated':
        return this.#freezeIsolated(this.#leaderOr(store, fault), lastsMs);
      case 'freeze-then-cut':
        return this.#freezeThenCut(this.#leaderOr(store, fault), fault);
      case 'freeze-scheduler':
        return this.#freeze(scheduler, lastsMs);
      case 'freeze-client':
        return this.#freeze(pick([...clients, ...gateways], target), lastsMs);
      case 'isolate-store':
        return this.#isolate(this.#leaderOr(store, fault), lastsMs, 'both');
      case 'isolate-from-stores':
        return this.#part([this.#leaderOr(store, fault)], lastsMs);
      case 'isolate-one-way':
        return this.#isolate(
          this.#leaderOr(store, fault),
          lastsMs,
          fault.amount * 10 < 5 ? 'in' : 'out',
        );
      case 'isolate-scheduler':
        return this.#isolate(scheduler, lastsMs, 'both');
      case 'partition-halves':
        return this.#halves(fault);
      case 'clog-link':
        network.clog(store.host, pick(stores, Math.floor(fault.amount * 1_000)).host, lastsMs);
        return true;
      case 'reset-connections':
        for (const other of this.#cluster.nodes) network.reset(store.host, other.host);
        return true;
      case 'disk-stall':
        store.machine.disk.traits.stalledUntil = this.#cluster.world.now + lastsMs;
        return true;
      case 'disk-slow':
        store.machine.disk.traits.delayMeanMs = 10 + 40 * fault.amount;
        return this.#after(lastsMs, () => this.#healDisk(store));
      case 'disk-sync-error':
        store.machine.disk.traits.syncFails = true;
        return this.#after(lastsMs, () => this.#healDisk(store));
      case 'disk-full':
        // Half of the time the log alone is on the full disk: the store goes on and takes no writes.
        if (fault.amount < 0.5) store.machine.disk.traits.logFull = true;
        else store.machine.disk.traits.full = true;
        return this.#after(lastsMs, () => this.#healDisk(store));
      case 'disk-read-error':
        store.machine.disk.traits.readFails = true;
        return this.#after(lastsMs, () => this.#healDisk(store));
      case 'bit-rot':
        return this.#rot(store, fault);
      case 'wipe-store':
        return this.#wipe(store, lastsMs);
      case 'clock-drift':
        pick([store, ...gateways], target).machine.clock.drift(
          this.#cluster.world.now,
          0.98 + 0.04 * fault.amount,
        );
        return true;
      case 'wall-jump':
        pick([scheduler, ...gateways], target).machine.clock.jumpWall(
          (fault.amount - 0.5) * 120_000,
        );
        return true;
      case 'fatal-points':
        store.fatalPoints = 0.2 + 0.5 * fault.amount;
        return this.#after(lastsMs, () => {
          store.fatalPoints = 0;
        });
      case 'damage-snapshot':
        this.#crash(store, lastsMs);
        store.filesDamaged = true;
        return store.machine.fs.damage('.snap', this.#cluster.world.rng);
      case 'transfer-leader':
      case 'move-peer':
      case 'split-region':
        return this.#order(fault);
      case 'add-store':
        return this.#addStore();
      case 'drain-store':
        return this.#drain(store);
      default:
        return assertNever(fault.kind);
    }
  }

  #after(ms: number, undo: () => void): boolean {
    this.#cluster.world.after(ms, 'fault ends', undo);
    return true;
  }

  /** Half of the time the store that leads most: faults on leaders tell more. */
  #leaderOr(store: StoreNode, fault: Fault): StoreNode {
    if (fault.amount < 0.5) return store;
    const leads = this.#cluster
      .peers()
      .filter(({ status }) => status.role === 'StateLeader')
      .map(({ node }) => node);
    return leads.length === 0 ? store : pick(leads, fault.target);
  }

  #crash(node: Node, ms: number): boolean {
    if (!node.running) return false;
    this.#held.add(node);
    node.crash();
    this.#restartLater(node, ms);
    return true;
  }

  #freeze(node: Node, ms: number): boolean {
    const { proc } = node;
    if (proc === undefined || proc.dead || proc.frozen) return false;
    proc.freeze();
    if (ms > LONGER_THAN_LEASE_MS) this.#tally.event('freeze longer than the lease');
    return this.#after(ms, () => proc.thaw());
  }

  #isolate(node: Node, ms: number, ways: 'both' | 'in' | 'out'): boolean {
    const { network, nodes } = this.#cluster;
    const others = nodes.filter((other) => other !== node);
    const links = others.flatMap((other): [string, string][] => [
      ...(ways === 'in' ? [] : [[node.host, other.host] as [string, string]]),
      ...(ways === 'out' ? [] : [[other.host, node.host] as [string, string]]),
    ]);
    for (const [from, to] of links) network.cut(from, to);
    this.#tally.event('partition');
    return this.#after(ms, () => {
      for (const [from, to] of links) network.heal(from, to);
    });
  }

  /** A store that wakes up and does not hear for another while what the other stores have done meanwhile. */
  #freezeIsolated(store: StoreNode, ms: number): boolean {
    if (!this.#freeze(store, ms)) return false;
    const { network, stores } = this.#cluster;
    const others = stores.filter((other) => other !== store);
    for (const { host } of others) network.cut(host, store.host);
    return this.#after(ms + LONGER_THAN_LEASE_MS, () => {
      for (const { host } of others) network.heal(host, store.host);
    });
  }

  /**
   * The store is frozen first and cut off 50 to 300 ms later: what came in between waits in its queue, and is taken for
   * fresh when it wakes up and hears of nothing that the others have done meanwhile.
   */
  #freezeThenCut(store: StoreNode, { lastsMs, amount }: Fault): boolean {
    if (!this.#freeze(store, lastsMs)) return false;
    const { network, stores } = this.#cluster;
    const others = stores.filter((other) => other !== store);
    this.#after(50 + 250 * amount, () => {
      for (const { host } of others) network.cut(host, store.host);
    });
    return this.#after(lastsMs + LONGER_THAN_LEASE_MS, () => {
      for (const { host } of others) network.heal(host, store.host);
    });
  }

  /** Its disk stalls, it dies before what it was writing is durable, and comes back with a clock that went back. */
  #stallScheduler({ lastsMs, amount }: Fault): boolean {
    const { scheduler, world } = this.#cluster;
    scheduler.machine.disk.traits.stalledUntil = world.now + lastsMs;
    return this.#after(lastsMs * (0.5 + amount / 2), () => {
      if (this.#healed) return;
      scheduler.machine.clock.jumpWall(-60_000 * amount);
      this.#crash(scheduler, 100);
      scheduler.machine.disk.traits.stalledUntil = 0;
    });
  }

  #halves({ target, lastsMs }: Fault): boolean {
    const left = this.#cluster.stores.filter((_, i) => ((target >> i) & 1) === 0);
    return this.#part(left, lastsMs);
  }

  /** These stores and the others do not hear each other; everybody else hears both. */
  #part(left: readonly StoreNode[], ms: number): boolean {
    const { network, stores } = this.#cluster;
    const right = stores.filter((store) => !left.includes(store));
    if (left.length === 0 || right.length === 0) return false;
    const links = left.flatMap((a) => right.map((b) => [a.host, b.host] as const));
    for (const [a, b] of links) {
      network.cut(a, b);
      network.cut(b, a);
    }
    this.#tally.event('partition');
    return this.#after(ms, () => {
      for (const [a, b] of links) {
        network.heal(a, b);
        network.heal(b, a);
      }
    });
  }

  #healDisk(node: Node): void {
    const { traits } = node.machine.disk;
    traits.full = false;
    traits.logFull = false;
    traits.syncFails = false;
    traits.readFails = false;
    traits.stalledUntil = 0;
    traits.delayMeanMs = this.#cluster.shape.diskDelayMs;
  }

  /** Asks the scheduler for an operator, as a person would with `tinykv ctl`. */
  #order({ kind, target, amount }: Fault): boolean {
    const client = this.#cluster.clients.find(({ up }) => up)?.client;
    const leaders = this.#cluster.peers().filter(({ status }) => status.role === 'StateLeader');
    if (client === undefined || leaders.length === 0) return false;
    const { region } = pick(leaders, target).status;
    const storeId = pick(this.#cluster.stores, Math.floor(amount * 1_000)).store?.storeId;
    if (storeId === undefined) return false;
    const hosts = region.peers.some((peer) => peer.storeId === storeId);
    if (hosts && kind === 'move-peer' && this.#losesStore && voters(region) <= VOTERS_MIN) {
      return false;
    }
    const move = hosts ? 'remove-peer' : 'add-peer';
    const operator =
      kind === 'split-region'
        ? ({ kind: 'split', regionId: region.id } as const)
        : ({
            kind: kind === 'move-peer' ? move : 'transfer-leader',
            regionId: region.id,
            storeId,
          } as const);
    client.scheduler.admin.addOperator(operator).then(
      () => this.#tally.event('operator'),
      // The scheduler may be away, or know better.
      () => this.#tally.event('operator refused'),
    );
    return true;
  }

  #addStore(): boolean {
    if (this.#cluster.stores.length >= STORES_MAX) return false;
    void this.#cluster.addStore().start();
    return true;
  }

  /** Damage is kept to one store of a run, and to Regions that are left with a quorum. */
  #mayDamage(store: StoreNode): boolean {
    const { stores, soundStores } = this.#cluster;
    if (!soundStores.includes(store)) return false;
    if (stores.some((other) => other.damaged || other.retired)) return false;
    const regions = newestRegions(this.#cluster);
    return regions.length > 0 && regions.every((region) => voters(region) >= VOTERS_MIN);
  }

  #rot(store: StoreNode, { amount }: Fault): boolean {
    if (!this.#mayDamage(store)) return false;
    const { log, engine } = store.machine;
    const { rng } = this.#cluster.world;
    store.damaged = true;
    if (amount < 0.5) return log.rot(rng);
    void engine.rot(rng);
    return true;
  }

  /** The machine burns down; a new one takes its place some time later. */
  #wipe(store: StoreNode, ms: number): boolean {
    if (!this.#mayDamage(store)) return false;
    store.damaged = true;
    store.retire();
    return this.#after(ms, () => {
      if (!this.#healed) void this.#replace(store);
    });
  }

  /** What a person does about a lost machine: start a new one, and take the old one out of the cluster. */
  async #replace(store: StoreNode): Promise<void> {
    store.damaged = false;
    store.retire();
    await this.#cluster.addStore().start();
    this.#tellOffline(store);
  }

  #drain(store: StoreNode): boolean {
    const { soundStores } = this.#cluster;
    if (soundStores.length < 4 || !soundStores.includes(store) || !store.up) return false;
    store.drained = true;
    this.#tellOffline(store);
    return true;
  }

  /** Asks until the scheduler has it on record. */
  #tellOffline(store: StoreNode): void {
    const { storeId } = store;
    if (storeId === undefined) return;
    const client = this.#cluster.clients.find(({ up }) => up)?.client;
    const again = (): void => {
      this.#after(ASK_AGAIN_MS, () => this.#tellOffline(store));
    };
    if (client === undefined) again();
    else client.scheduler.admin.setStoreState(storeId, 'offline').catch(again);
  }
}

/** Each Region as the peer says that has seen most of it. */
function newestRegions(cluster: Cluster): Region[] {
  const newest = new Map<number, Region>();
  for (const { status } of cluster.peers()) {
    const { region } = status;
    const known = newest.get(region.id);
    if (
      region.peers.length > 0 &&
      (known === undefined || isEpochStale(known.epoch, region.epoch))
    ) {
      newest.set(region.id, region);
    }
  }
  return [...newest.values()];
}

function voters(region: Region): number {
  return region.peers.filter(({ learner }) => !learner).length;
}

function pick<T>(items: readonly T[], number: number): T {
  return items[number % items.length]!;
}
