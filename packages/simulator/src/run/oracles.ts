import { crc32, limits } from '@tinykv/base';
import type { Entry, GroupUpdate } from '@tinykv/raft';
import { Capacity } from '../checkers/capacity.js';
import type { Violation } from '../checkers/history.js';
import { type PeerStatus, RaftInvariants } from '../checkers/raft-invariants.js';
import { RegionHistory } from '../checkers/region-map.js';
import type { LogChange } from '../checkers/replica-log.js';
import type { Cluster, StoreRegion } from '../cluster/cluster.js';
import { gatewayConfig } from '../cluster/sim-config.js';
import type { StoreNode } from '../cluster/store-node.js';
import type { SimProcess } from '../world/sim-proc.js';
import { contentOf, type EntryContent } from './entry-content.js';
import { PromiseWatch } from './promise-watch.js';

/** Entries that a full store lets in all the same, of each Region, so that a new leader can commit those of a lost one. */
const MEMORY_SLACK_BYTES = 1_048_576;

/** What is judged while a run goes on. */
export class Oracles {
  readonly #raft = new RaftInvariants();
  readonly #regions = new RegionHistory();
  readonly #sent = new PromiseWatch();
  readonly #capacity = new Capacity();
  /** Stores by number: the order in which they were first seen. */
  readonly #stores = new Map<StoreNode, number>();
  readonly #lives = new Map<SimProcess, number>();
  /** By Region, index, term and digest. */
  readonly #contents = new Map<string, EntryContent>();

  /** Peers that call themselves damaged on disks that nobody damaged. */
  readonly #soundButStopped = new Map<number, Violation>();

  get violations(): Violation[] {
    return [
      ...this.#sent.promises.violations(),
      ...this.#sent.granted.violations(),
      ...this.#capacity.violations(),
      ...this.#raft.violations(),
      ...this.#regions.violations(),
      ...this.#soundButStopped.values(),
    ];
  }

  /** How many promises of each kind were compared with a disk. */
  get compared(): PromiseWatch['promises']['compared'] {
    return this.#sent.promises.compared;
  }

  /** The greatest physical time of all timestamps so far. */
  get schedulerMs(): number {
    return this.#sent.schedulerMs;
  }

  /** Looks at the logs of all stores, and of those to come, from their first write on. */
  watch(cluster: Cluster): void {
    this.#sent.watch(cluster);
    cluster.eachStore((node) => this.#watch(node));
  }

  /** Looks at the peers of all stores, and at what is in memory. */
  sample(cluster: Cluster, peers: readonly StoreRegion[]): void {
    for (const { name, store } of cluster.stores) {
      if (store === undefined) continue;
      const { used, limit } = store.memory;
      this.#capacity.observe({ name: `memory of ${name}`, used, limit, slack: MEMORY_SLACK_BYTES });
    }
    const { clientsBytesMax } = gatewayConfig(cluster.shape);
    for (const { name, core } of cluster.gateways) {
      if (core === undefined) continue;
      const slack = core.state.stats.connectedClients * limits.gatewayClientBytesMin;
      const level = { used: core.clientsBytes, limit: clientsBytesMax, slack };
      this.#capacity.observe({ name: `memory of the clients of ${name}`, ...level });
    }
    for (const { node, status } of peers) {
      // A damaged peer has no Raft state to show.
      if (status.role !== 'Damaged') this.#raft.onStatus(this.#statusOf({ node, status }));
      this.#regions.observe(status.region, node.name);
      this.#checkDamage({ node, status });
    }
  }

  #watch(node: StoreNode): void {
    const store = this.#stores.size + 1;
    this.#stores.set(node, store);
    this.#sent.watchStore(node, store);
    node.machine.log.observer = (updates) => {
      for (const update of updates) {
        const change = this.#changeOf(update);
        this.#raft.onDurable(store, change);
        for (const entry of update.entries ?? [])
          this.#onConfChange(node, store, update.group, entry);
        this.#sent.onDurable(node, store, change);
      }
    };
  }

  #onConfChange(node: StoreNode, store: number, region: number, entry: Entry): void {
    const { type, index, term } = entry;
    if (type === 'EntryNormal') return;
    const status = node.store?.regions().find((one) => one.region.id === region);
    if (status?.role !== 'StateLeader' || status.term !== term) return;
    this.#raft.onConfChange(region, store, { index, term }, status.applied);
  }

  #checkDamage({ node, status: { role, peerId, region } }: StoreRegion): void {
    if (role !== 'Damaged' || node.damaged || node.filesDamaged) return;
    const message = `peer ${peerId} of region ${region.id} on ${node.name} stopped as damaged, and nothing was`;
    this.#soundButStopped.set(peerId, { oracle: 'damage', message, history: [] });
  }

  #statusOf({ node, status }: StoreRegion): PeerStatus {
    const { region, peerId, role, term, committed, applied } = status;
    return {
      region: region.id,
      store: this.#stores.get(node) ?? 0,
      peer: peerId,
      life: this.#lifeOf(node.proc),
      isLeader: role === 'StateLeader',
      term,
      committed,
      applied,
    };
  }

  #lifeOf(proc: SimProcess | undefined): number {
    if (proc === undefined) return 0;
    const life = this.#lives.get(proc) ?? this.#lives.size + 1;
    this.#lives.set(proc, life);
    return life;
  }

  /** The change with its entries by digest: to compare them is all that is done with them. */
  #changeOf({ group, entries, ...rest }: GroupUpdate): LogChange {
    const known = entries?.map((entry) => {
      const { index, term, type, data } = entry;
      const digest = `${type} ${crc32(data).toString(16)}`;
      return {
        index,
        term,
        digest,
        ...this.#contentOf(`${group} ${index} ${term} ${digest}`, entry),
      };
    });
    return { region: group, ...rest, ...(known === undefined ? {} : { entries: known }) };
  }

  /** Every replica gets the entry, and the first one that has it on its disk tells of it. */
  #contentOf(name: string, entry: Entry): EntryContent {
    const known = this.#contents.get(name);
    if (known !== undefined) return known;
    const content = contentOf(entry);
    this.#contents.set(name, content);
    for (const version of content.versions) this.#sent.granted.onVersion(version);
    return content;
  }
}
