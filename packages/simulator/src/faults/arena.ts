import type { Client } from '@tinykv/client';
import type { Cluster, StoreRegion } from '../cluster/cluster.js';
import type { Node } from '../cluster/node.js';
import type { StoreNode } from '../cluster/store-node.js';
import type { Tally } from '../run/tally.js';
import type { Strike } from './strike.js';

/** Longer than any lease: a leader frozen for this long has been replaced. */
export const LONGER_THAN_LEASE_MS = 1_500;

/** From this on a partition counts as one of minutes. */
const LONG_MS = 60_000;

/** The way from one host to another. */
export type Way = readonly [from: string, to: string];

/** The cluster as faults see it, and the steps that many of them share. */
export class Arena {
  readonly cluster: Cluster;
  readonly tally: Tally;
  /** Nodes that a fault starts again when it ends. */
  readonly #held = new Set<Node>();
  /** One store of this run will be lost for good: every Region must be able to spare one. */
  losesStore = false;
  /** Stores that stay down when all else is healed. */
  away: readonly Node[] = [];
  /** Nothing is broken from now on. */
  healed = false;

  constructor(cluster: Cluster, tally: Tally) {
    this.cluster = cluster;
    this.tally = tally;
  }

  /** Ends a fault later. Always true, as the fault has begun. */
  after(ms: number, undo: () => void): boolean {
    this.cluster.world.after(ms, 'fault ends', undo);
    return true;
  }

  /** Goes on with a fault later, unless all has been healed by then. Always true, as the fault has begun. */
  later(ms: number, more: () => void): boolean {
    this.cluster.world.after(ms, 'fault goes on', () => {
      if (!this.healed) more();
    });
    return true;
  }

  holds(node: Node): boolean {
    return this.#held.has(node);
  }

  /** Keeps a node down until it is started by `restartLater`. */
  hold(node: Node): void {
    this.#held.add(node);
  }

  restartLater(node: Node, ms: number): void {
    this.cluster.world.after(ms, 'restart', () => {
      this.#held.delete(node);
      if (!node.running && !this.away.includes(node)) void node.start();
    });
  }

  crash(node: Node, ms: number): boolean {
    if (!node.running) return false;
    this.hold(node);
    node.crash();
    this.restartLater(node, ms);
    return true;
  }

  freeze(node: Node, ms: number): boolean {
    const { proc } = node;
    if (proc === undefined || proc.dead || proc.frozen) return false;
    proc.freeze();
    if (ms > LONGER_THAN_LEASE_MS) this.tally.event('freeze longer than the lease');
    return this.after(ms, () => proc.thaw());
  }

  cut(ways: readonly Way[], ms: number): boolean {
    const { network } = this.cluster;
    for (const [from, to] of ways) network.cut(from, to);
    if (ms >= LONG_MS) this.tally.event('partition of minutes');
    return this.after(ms, () => {
      for (const [from, to] of ways) network.heal(from, to);
    });
  }

  /** These stores and the others do not hear each other; everybody else hears both. */
  part(left: readonly StoreNode[], ms: number): boolean {
    const right = this.cluster.stores.filter((store) => !left.includes(store));
    if (left.length === 0 || right.length === 0) return false;
    this.tally.event('partition');
    return this.cut(
      left.flatMap((a) =>
        right.flatMap((b): Way[] => [
          [a.host, b.host],
          [b.host, a.host],
        ]),
      ),
      ms,
    );
  }

  /** The ways by which a store hears the other stores. */
  waysIn(store: StoreNode): Way[] {
    const others = this.cluster.stores.filter((other) => other !== store);
    return others.map(({ host }) => [host, store.host]);
  }

  healDisk(node: Node): void {
    const { traits } = node.machine.disk;
    traits.full = false;
    traits.logFull = false;
    traits.syncFails = false;
    traits.readFails = false;
    traits.stalledUntil = 0;
    traits.engineStalledUntil = 0;
    traits.delayMeanMs = this.cluster.shape.diskDelayMs;
  }

  store({ target }: Pick<Strike, 'target'>): StoreNode {
    return pick(this.cluster.stores, target);
  }

  leaders(): StoreRegion[] {
    return this.cluster.peers().filter(({ status }) => status.role === 'StateLeader');
  }

  /** Half of the time a store that leads: faults on leaders tell more. */
  leader(strike: Strike): StoreNode {
    const store = this.store(strike);
    if (strike.amount < 0.5) return store;
    const leads = this.leaders().map(({ node }) => node);
    return leads.length === 0 ? store : pick(leads, strike.target);
  }

  /** A client by which a person would talk to the scheduler. */
  get client(): Client | undefined {
    return this.cluster.clients.find(({ up }) => up)?.client;
  }
}

export function pick<T>(items: readonly T[], number: number): T {
  return items[number % items.length]!;
}
