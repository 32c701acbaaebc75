import { describeBytes, EMPTY_BYTES, toHex } from '@tinykv/base';
import {
  type ApiMode,
  decodeLock,
  family,
  findPeerOnStore,
  parseRecordKey,
  type Region,
  rangeContains,
  recordRange,
  regionRanges,
} from '@tinykv/model';
import { describeGap } from '../checkers/region-map.js';
import type { Cluster, StoreRegion } from '../cluster/cluster.js';
import type { Node } from '../cluster/node.js';
import { apiOf, replicasOf } from '../cluster/sim-config.js';

/**
 * The reason why the replicas of the cluster are not level, or undefined when they are. Nothing is expected
 * of stores that are away.
 */
export function unsettled(cluster: Cluster, away: readonly Node[] = []): string | undefined {
  for (const node of cluster.nodes) {
    if (!node.up && !node.retired && !away.includes(node)) return `${node.name} is not up`;
  }
  const isAway = (storeId: number): boolean =>
    cluster.stores.some((node) => node.storeId === storeId && away.includes(node));
  const peers = cluster.peers();
  const byRegion = new Map<number, StoreRegion[]>();
  for (const peer of peers) {
    const same = byRegion.get(peer.status.region.id) ?? [];
    byRegion.set(peer.status.region.id, same);
    same.push(peer);
  }
  const led: Region[] = [];
  for (const [id, all] of byRegion) {
    const leaders = all.filter(({ status }) => status.role === 'StateLeader');
    const leader = leaders.reduce<StoreRegion | undefined>(
      (best, one) => (best === undefined || one.status.term > best.status.term ? one : best),
      undefined,
    );
    if (leader === undefined) return `region ${id} has no leader`;
    const { region, lastIndex } = leader.status;
    led.push(region);
    // In the place of a peer that is away another store may be asked for one, and be away too.
    const stores = cluster.soundStores.filter((node) => !away.includes(node));
    if (region.peers.length < Math.min(replicasOf(cluster.shape), stores.length)) {
      return `region ${id} has ${region.peers.length} peers`;
    }
    if (region.peers.some(({ learner, storeId }) => learner && !isAway(storeId)))
      return `region ${id} has a learner`;
    for (const { storeId } of region.peers) {
      if (isAway(storeId)) continue;
      if (cluster.stores.some((node) => node.drained && node.storeId === storeId)) {
        return `region ${id} has a peer on store ${storeId}, which is to be empty`;
      }
      const peer = all.find(({ node }) => node.store?.storeId === storeId);
      if (peer === undefined) return `region ${id} has no peer on store ${storeId}`;
      if (peer.status.applied !== lastIndex) {
        return `region ${id} on store ${storeId} is at ${peer.status.applied} of ${lastIndex}`;
      }
    }
    for (const { node, status } of all) {
      if (findPeerOnStore(region, node.store?.storeId ?? 0) === undefined) {
        return `${node.name} still has peer ${status.peerId} of region ${id}`;
      }
    }
  }
  return describeGap(led);
}

/**
 * Tells of a store that has held memory for proposals and entries at every look so far, although nobody asks it for
 * anything: what nobody will ever answer is counted for ever.
 */
export function heldMemory(cluster: Cluster): () => string | undefined {
  const held = new Set(cluster.stores);
  return () => {
    for (const node of held) {
      const { store } = node;
      if (store === undefined || store.memory.used === 0) held.delete(node);
      else return `${node.name} holds ${store.memory.used} bytes for proposals and entries`;
    }
    return undefined;
  };
}

/** Compares the data of all replicas of each Region; undefined when all are equal. */
export async function divergence(cluster: Cluster): Promise<string | undefined> {
  const api = apiOf(cluster.shape);
  const seen = new Map<number, { readonly text: string; readonly where: string }>();
  for (const { node, status } of cluster.peers()) {
    const text = await dump(node.machine.engine, api, status.region);
    const first = seen.get(status.region.id);
    if (first === undefined) seen.set(status.region.id, { text, where: node.name });
    else if (first.text !== text) {
      return `region ${status.region.id} differs between ${first.where} and ${node.name}: ${firstDifference(first.text, text)}`;
    }
  }
  return undefined;
}

/** Data of a store that lies in no Region which it has a peer of; undefined when no store has any. */
export async function strayData(cluster: Cluster): Promise<string | undefined> {
  const api = apiOf(cluster.shape);
  for (const node of cluster.soundStores) {
    if (node.store === undefined || node.damaged) continue;
    const owned = node.store.regions().flatMap(({ region }) => regionRanges(api, region.range));
    for (const range of regionRanges(api, { start: EMPTY_BYTES, end: EMPTY_BYTES })) {
      for (const [key] of await node.machine.engine.peek(range)) {
        if (!owned.some((one) => rangeContains(one, key))) {
          return `${node.name} has ${toHex(key)}, which lies in none of its regions`;
        }
      }
    }
  }
  return undefined;
}

/** A lock that a store still has; undefined when no store has any. */
export async function leftLock(cluster: Cluster): Promise<string | undefined> {
  for (const node of cluster.soundStores) {
    if (node.store === undefined || node.damaged) continue;
    const range = recordRange('txn', family.lock, { start: EMPTY_BYTES, end: EMPTY_BYTES });
    const [first] = await node.machine.engine.peek(range);
    if (first === undefined) continue;
    const { kind, startTs } = decodeLock(...first);
    const key = describeBytes(parseRecordKey(first[0]));
    return `${node.name} has a lock (${kind}) of the transaction ${startTs} on ${key}`;
  }
  return undefined;
}

function firstDifference(a: string, b: string): string {
  const left = new Set(a.split('\n'));
  const right = new Set(b.split('\n'));
  const onlyLeft = [...left].filter((line) => !right.has(line)).slice(0, 3);
  const onlyRight = [...right].filter((line) => !left.has(line)).slice(0, 3);
  return `only in the first: ${onlyLeft.join(' ')}; only in the second: ${onlyRight.join(' ')}`;
}

async function dump(
  engine: Cluster['stores'][number]['machine']['engine'],
  api: ApiMode,
  region: Region,
): Promise<string> {
  const lines: string[] = [];
  for (const range of regionRanges(api, region.range)) {
    for (const [key, value] of await engine.peek(range)) {
      lines.push(`${toHex(key)}=${toHex(value)}`);
    }
  }
  return lines.join('\n');
}
