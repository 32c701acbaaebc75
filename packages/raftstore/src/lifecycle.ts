import { assert, EMPTY_BYTES, type Env, type KvEngine } from '@tinykv/base';
import { type KeyRange, type Peer as PeerMeta, type Region, regionStateKey } from '@tinykv/model';
import type { LogPosition, RecoveredGroup } from '@tinykv/raft';
import { emptyGroupState, type GroupState, type ReplicaLoop } from '@tinykv/replica';
import { INITIAL_INDEX, INITIAL_TERM } from './bootstrap.js';
import { confStateOf } from './conf-state.js';
import { encodeRegionState } from './local-state.js';
import { Peer } from './peer.js';
import type { PeerRegistry } from './registry.js';
import { wipeRange } from './wipe.js';

/** Brings peers into being and takes them away. */
export class PeerLifecycle {
  readonly #env: Env;
  readonly #engine: KvEngine;
  readonly #loop: ReplicaLoop;
  readonly #registry: PeerRegistry;
  /** Logs without a Region: peers that were made by a message and got no snapshot before a restart. */
  readonly #orphans = new Map<number, RecoveredGroup>();

  /** Told of every range that has been wiped. */
  readonly #wiped: (range: KeyRange) => void;

  constructor(
    env: Env,
    engine: KvEngine,
    loop: ReplicaLoop,
    registry: PeerRegistry,
    wiped: (range: KeyRange) => void,
  ) {
    this.#wiped = wiped;
    this.#env = env;
    this.#engine = engine;
    this.#loop = loop;
    this.#registry = registry;
  }

  addOrphan(group: RecoveredGroup): void {
    this.#orphans.set(group.group, group);
  }

  /** A peer with a known Region: recovered, or the child of a split. */
  add(
    meta: PeerMeta,
    region: Region,
    state: GroupState,
    recovered: boolean,
    promisedUntil?: number,
  ): Peer {
    const group = this.#loop.addGroup({
      id: region.id,
      peerId: meta.id,
      state,
      confState: confStateOf(region),
      recovered,
      ...(promisedUntil === undefined ? {} : { promisedUntil }),
    });
    const { clock } = this.#env;
    const peer = new Peer(meta, region, group, clock.mono());
    this.#registry.add(peer);
    return peer;
  }

  /** A peer that knows nothing yet: the leader will send it a snapshot. */
  addUninitialized(regionId: number, meta: PeerMeta): Peer {
    const orphan = this.#orphans.get(regionId);
    this.#orphans.delete(regionId);
    // A vote given before a restart still binds, whatever peer id it was given under.
    const hardState = orphan?.hardState ?? { term: 0, vote: 0, commit: 0 };
    const region: Region = {
      id: regionId,
      range: { start: EMPTY_BYTES, end: EMPTY_BYTES },
      epoch: { confVer: 0, version: 0 },
      peers: [],
    };
    const state = emptyGroupState({ ...hardState, commit: 0 }, { index: 0, term: 0 });
    this.#env.logger.info('peer created by message', { region_id: regionId, peer_id: meta.id });
    return this.add(meta, region, state, orphan !== undefined);
  }

  /**
   * The peer of a Region that a split has made. Its Region state is durable already. A peer that a
   * message made before the split was applied here gives way, but its vote is kept, and its promise not to
   * vote: the leader of the child may count on it.
   */
  async addChild(region: Region, meta: PeerMeta): Promise<Peer> {
    const early = this.#registry.peers.get(region.id);
    let hardState = { term: INITIAL_TERM, vote: 0, commit: INITIAL_INDEX };
    if (early !== undefined) {
      assert(!early.initialized, () => `region ${region.id} is here before its split`);
      this.#registry.remove(region.id);
      void this.#loop.removeGroup(early.group);
      early.abandon();
      const { term, vote } = early.group.storage.hardState;
      if (term >= INITIAL_TERM) hardState = { term, vote, commit: INITIAL_INDEX };
    }
    const orphan = this.#orphans.get(region.id);
    this.#orphans.delete(region.id);
    if (orphan !== undefined && orphan.hardState.term >= INITIAL_TERM) {
      hardState = { ...orphan.hardState, commit: INITIAL_INDEX };
    }
    const position = { index: INITIAL_INDEX, term: INITIAL_TERM };
    this.#env.faults.hit('split-child-before-log');
    await this.#loop.writeLog({
      group: region.id,
      reset: position,
      hardState,
      durableApplied: INITIAL_INDEX,
    });
    this.#env.faults.hit('split-child-before-start');
    const start = emptyGroupState(hardState, position);
    return this.add(meta, region, start, orphan !== undefined, early?.group.promisedUntil);
  }

  /**
   * Stops a peer that has lost what it had promised, and it alone, durably: it neither votes nor answers
   * any more, so its group goes on as if its store were down. Its range stays taken until the scheduler
   * has had it removed; what comes to this store then is a new peer with a new id.
   */
  async quarantine(peer: Peer, reason: string): Promise<void> {
    if (peer.damaged) return;
    peer.damaged = true;
    const { region, meta } = peer;
    this.#env.logger.error('peer is damaged and waits to be replaced', {
      region_id: region.id,
      peer_id: meta.id,
      reason,
    });
    const quiet = this.#loop.removeGroup(peer.group);
    peer.abandon();
    await quiet;
    // What was being applied may have been its removal.
    if (this.#registry.peers.get(region.id) === peer)
      await this.#writeDeath(peer, peer.region, 'damaged');
  }

  /** A peer that is found damaged at start; `otherRange` may hold data of it, too. */
  addDamaged(
    meta: PeerMeta,
    region: Region,
    reason: string,
    otherRange: KeyRange | undefined,
  ): Promise<void> {
    if (otherRange !== undefined) this.#registry.reserved.set(region.id, otherRange);
    const nothing = emptyGroupState({ term: 0, vote: 0, commit: 0 }, { index: 0, term: 0 });
    return this.quarantine(this.add(meta, region, nothing, true), reason);
  }

  /**
   * Removes a peer for good: a tombstone first, durable, then its data, then its log; a crash in
   * between is taken up at the next start. `region` is what the tombstone remembers, and `removedBy` the
   * entry of its own removal that it is applying, if that is why.
   */
  async destroy(peer: Peer, region: Region, removedBy?: LogPosition): Promise<void> {
    const { id } = peer.region;
    // A split that is being applied here is about to put the child in its place; whoever asks, asks again.
    if (this.#registry.peers.get(id) !== peer || this.#registry.creating.has(id)) return;
    this.#env.logger.info('peer destroyed', { region_id: id, peer_id: peer.meta.id });
    this.#registry.remove(id);
    this.#registry.destroying.add(id);
    const promised = this.#registry.reserved.get(id);
    const quiet = this.#loop.removeGroup(peer.group);
    peer.abandon();
    if (removedBy === undefined) await quiet;
    await this.#writeDeath(peer, region, 'tombstone', removedBy);
    const ranges = peer.initialized ? [peer.region.range] : [];
    await this.finishDestroy(id, promised === undefined ? ranges : [...ranges, promised]);
  }

  async #writeDeath(
    peer: Peer,
    region: Region,
    state: 'tombstone' | 'damaged',
    removedBy: LogPosition = { index: 0, term: 0 },
  ): Promise<void> {
    const batch = this.#engine.batch();
    batch.put(
      regionStateKey(region.id),
      encodeRegionState({
        state,
        region,
        peerId: peer.meta.id,
        appliedIndex: removedBy.index,
        appliedTerm: removedBy.term,
        snapshotFile: '',
        // A snapshot that was being installed may have written where it was promised to.
        otherRange: this.#registry.reserved.get(region.id),
      }),
    );
    this.#env.faults.hit('death-before-record');
    await this.#engine.write(batch, { sync: true });
    this.#env.faults.hit('death-recorded');
  }

  /** Removes the data of peers that are gone, durably. */
  async wipe(ranges: readonly KeyRange[]): Promise<void> {
    for (const range of ranges) await wipeRange(this.#engine, this.#registry.api, range);
    this.#env.faults.hit('wipe-before-barrier');
    await this.#engine.barrier();
    for (const range of ranges) this.#wiped(range);
  }

  /** Work that a tombstone still asks for: the data goes, then the log. */
  async finishDestroy(id: number, ranges: readonly KeyRange[]): Promise<void> {
    await this.wipe(ranges);
    this.#env.faults.hit('death-before-log-destroyed');
    await this.#loop.writeLog({ group: id, destroy: true });
    this.#env.faults.hit('death-log-destroyed');
    this.#registry.ranges.delete(id);
    this.#registry.reserved.delete(id);
    this.#registry.destroying.delete(id);
  }
}
