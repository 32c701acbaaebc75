import { crc32 } from '@tinykv/base';
import type { Entry, GroupUpdate } from '@tinykv/raft';
import { decodePayload } from '@tinykv/raftstore';
import type { Violation } from '../checkers/history.js';
import { type PeerStatus, RaftInvariants } from '../checkers/raft-invariants.js';
import { RegionHistory } from '../checkers/region-map.js';
import type { LogChange } from '../checkers/replica-log.js';
import type { Cluster, StoreRegion } from '../cluster/cluster.js';
import type { StoreNode } from '../cluster/store-node.js';
import type { SimProcess } from '../world/sim-proc.js';

/** What is judged while a run goes on. */
export class Oracles {
  readonly #raft = new RaftInvariants();
  readonly #regions = new RegionHistory();
  /** Stores by number: the order in which they were first seen. */
  readonly #stores = new Map<StoreNode, number>();
  readonly #lives = new Map<SimProcess, number>();

  /** Peers that call themselves damaged on disks that nobody damaged. */
  readonly #soundButStopped = new Map<number, Violation>();

  get violations(): Violation[] {
    return [
      ...this.#raft.violations(),
      ...this.#regions.violations(),
      ...this.#soundButStopped.values(),
    ];
  }

  /** Looks at the logs of all stores, and of those to come, from their first write on. */
  watch(cluster: Cluster): void {
    cluster.eachStore((node) => this.#watch(node));
  }

  sample(cluster: Cluster): void {
    for (const { node, status } of cluster.peers()) {
      // A damaged peer has no Raft state to show.
      if (status.role !== 'Damaged') this.#raft.onStatus(this.#statusOf({ node, status }));
      this.#regions.observe(status.region, node.name);
      this.#checkDamage({ node, status });
    }
  }

  #watch(node: StoreNode): void {
    const store = this.#stores.size + 1;
    this.#stores.set(node, store);
    node.machine.log.observer = (updates) => {
      for (const update of updates) this.#raft.onDurable(store, changeOf(update));
    };
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
}

/** The change with its entries by digest: to compare them is all that is done with them. */
function changeOf({ group, entries, ...rest }: GroupUpdate): LogChange {
  const digests = entries?.map((entry) => ({
    index: entry.index,
    term: entry.term,
    digest: `${entry.type} ${crc32(entry.data).toString(16)}`,
    once: writesSentOnce(entry),
  }));
  return { region: group, ...rest, ...(digests === undefined ? {} : { entries: digests }) };
}

/** Values of raw puts, which are unique, in an entry that passes the check of terms at its apply. */
function writesSentOnce({ type, term, data }: Entry): readonly string[] {
  if (type !== 'EntryNormal') return [];
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  // Most entries have no such value, and need not be decoded.
  if (!bytes.includes('<v')) return [];
  const payload = decodePayload(data);
  if (payload.type !== 'data' || payload.term !== term) return [];
  const text = bytes.toString('latin1');
  // An entry of an older version is refused at its apply, and its client sends the put again.
  return Array.from(
    text.matchAll(/<v\d+>/g),
    ([value]) => `${value} of version ${payload.version}`,
  );
}
