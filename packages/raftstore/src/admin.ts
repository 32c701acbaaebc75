import { assert, type Env, type KvEngine } from '@tinykv/base';
import { applyStateKey, findPeerOnStore, type Region, regionStateKey } from '@tinykv/model';
import { decodeConfChange, type Entry } from '@tinykv/raft';
import { putInitialState } from './bootstrap.js';
import { decodePayload, decodePeerChange } from './command.js';
import type { PeerLifecycle } from './lifecycle.js';
import { decodeRegionState, encodeApplyState, encodeRegionState } from './local-state.js';
import { appliedOk, type Peer } from './peer.js';
import { changePeer, splitRegion } from './region-change.js';
import type { PeerRegistry } from './registry.js';

/** What applying an admin entry needs of the store. */
export interface AdminHost {
  readonly env: Env;
  readonly engine: KvEngine;
  readonly registry: PeerRegistry;
  readonly lifecycle: PeerLifecycle;
  /** The Region of a peer changed. */
  changed(peer: Peer): void;
  created(peer: Peer): void;
}

/**
 * Applies entries that change the Region itself. Each stands alone between two barriers: all before it
 * is durable when its record is written, so whoever finds the record need not replay what came before;
 * and nothing after it is applied until it is durable itself.
 */
export class AdminApplier {
  readonly #host: AdminHost;

  constructor(host: AdminHost) {
    this.#host = host;
  }

  async apply(peer: Peer, entry: Entry): Promise<void> {
    const waiters = peer.takeWaiters(entry);
    if (entry.type === 'EntryNormal') await this.#applySplit(peer, entry);
    else await this.#applyConfChange(peer, entry);
    for (const waiter of waiters) waiter.done(appliedOk);
  }

  /** Writes what the entry changes, fenced; `others` are Regions that it makes. */
  async #write(peer: Peer, entry: Entry, region: Region, others: readonly Region[]): Promise<void> {
    const { engine, registry, env } = this.#host;
    const batch = engine.batch();
    for (const other of others) putInitialState(batch, other, registry.storeId);
    env.faults.hit('admin-before-barrier');
    await engine.barrier();
    env.faults.hit('admin-before-write');
    batch.put(
      regionStateKey(region.id),
      encodeRegionState({
        state: 'normal',
        region,
        peerId: peer.meta.id,
        appliedIndex: entry.index,
        appliedTerm: entry.term,
        snapshotFile: '',
      }),
    );
    batch.put(applyStateKey(region.id), encodeApplyState({ index: entry.index, term: entry.term }));
    await engine.write(batch, { sync: true });
    env.faults.hit('admin-after-write');
  }

  async #applySplit(peer: Peer, entry: Entry): Promise<void> {
    const { registry, env, lifecycle } = this.#host;
    const payload = decodePayload(entry.data);
    assert(payload.type === 'split', 'a fenced normal entry is a split');
    const split =
      payload.version === peer.region.epoch.version
        ? splitRegion(peer.region, payload.splits)
        : undefined;
    if (split === undefined || !split.ok) {
      await this.#write(peer, entry, peer.region, []);
      return;
    }
    const [parent, ...made] = split.value;
    assert(parent !== undefined, 'a split keeps its parent');
    const children = made.filter((region) => !this.#isPast(region));
    // From here on nobody removes or makes a peer of a child but this.
    for (const region of children) registry.creating.add(region.id);
    // Before the record, behind whose barrier nothing is replayed: afterwards the data would be nobody's.
    const past = made.filter((region) => !children.includes(region));
    if (past.length > 0) await lifecycle.wipe(past.map(({ range }) => range));
    await this.#write(peer, entry, parent, children);
    registry.setRegion(peer, parent);
    peer.measured = false;
    peer.approximateBytes = Math.floor(peer.approximateBytes / split.value.length);
    env.logger.info('region split', {
      region_id: parent.id,
      version: parent.epoch.version,
      new_regions: made.map((region) => region.id),
    });
    env.faults.hit('split-before-children');
    for (const region of children) await this.#addChild(peer, region, lifecycle);
    env.faults.hit('split-before-report');
    this.#host.changed(peer);
  }

  /**
   * A child whose peer here was removed before the split was applied here, is just being removed, or has
   * a successor with a newer id, must not come back.
   */
  #isPast({ id, peers }: Region): boolean {
    const { engine, registry } = this.#host;
    if (registry.destroying.has(id)) return true;
    const bytes = engine.get(regionStateKey(id));
    if (bytes !== undefined && decodeRegionState(bytes).state === 'tombstone') return true;
    const own = peers.find(({ storeId }) => storeId === registry.storeId);
    const early = registry.peers.get(id);
    return early !== undefined && own !== undefined && early.meta.id > own.id;
  }

  async #addChild(parent: Peer, region: Region, lifecycle: PeerLifecycle): Promise<void> {
    const meta = findPeerOnStore(region, this.#host.registry.storeId);
    assert(meta !== undefined, () => `region ${region.id} has no peer on its own store`);
    const child = await lifecycle.addChild(region, meta);
    this.#host.registry.creating.delete(region.id);
    child.approximateBytes = parent.approximateBytes;
    // The leader of the parent makes the first leader of the child: the others need not time out.
    if (parent.isLeader) child.group.campaign();
    child.group.touch();
    this.#host.created(child);
  }

  async #applyConfChange(peer: Peer, entry: Entry): Promise<void> {
    const { registry, env, lifecycle } = this.#host;
    const confChange = decodeConfChange(entry.data);
    if (confChange.context.length === 0) {
      peer.group.applyConfChange(confChange);
      await this.#write(peer, entry, peer.region, []);
      return;
    }
    const change = decodePeerChange(confChange);
    const region = changePeer(peer.region, change);
    if (region === undefined) {
      await this.#write(peer, entry, peer.region, []);
      return;
    }
    env.logger.info('conf change', {
      region_id: region.id,
      change: change.type,
      peer_id: change.peer.id,
      store_id: change.peer.storeId,
      conf_ver: region.epoch.confVer,
    });
    if (change.type === 'remove' && change.peer.id === peer.meta.id) {
      await this.#host.engine.barrier();
      env.faults.hit('own-removal-before-destroy');
      await lifecycle.destroy(peer, region, { index: entry.index, term: entry.term });
      return;
    }
    await this.#write(peer, entry, region, []);
    env.faults.hit('conf-change-before-core');
    registry.setRegion(peer, region);
    peer.group.applyConfChange(confChange);
    env.faults.hit('conf-change-before-report');
    peer.group.touch();
    this.#host.changed(peer);
  }
}
