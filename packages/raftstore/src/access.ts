import {
  type Awaitable,
  err,
  type KvEngine,
  type KvError,
  type KvReader,
  type KvSnapshot,
  limits,
  ok,
  type Result,
  type Term,
  type Timestamp,
} from '@tinykv/base';
import {
  addsValue,
  type Modify,
  modifiesBytes,
  type Region,
  type RegionAccess,
  type RegionError,
  type RegionView,
  type RequestContext,
} from '@tinykv/model';
import type { ReadRefusal } from '@tinykv/replica';
import { checkContext, epochNotMatch, type PeerDirectory } from './context-check.js';
import { busy, type Peer } from './peer.js';
import type { SafePointMark } from './safe-point.js';

/** How full the disk of the store is. */
export interface SpaceGauge {
  /** Why no values are taken at present, or undefined. */
  readonly diskFull: string | undefined;
}

/** The door of the transaction layer to this store's Regions, over Raft. */
export class RaftRegionAccess implements RegionAccess {
  readonly api: PeerDirectory['api'];
  readonly #directory: PeerDirectory;
  readonly #engine: KvEngine;
  readonly #safePoint: SafePointMark;
  readonly #space: SpaceGauge | undefined;

  constructor(
    directory: PeerDirectory,
    engine: KvEngine,
    safePoint: SafePointMark,
    space?: SpaceGauge,
  ) {
    this.#safePoint = safePoint;
    this.#space = space;
    this.api = directory.api;
    this.#directory = directory;
    this.#engine = engine;
  }

  #check(context: RequestContext, keys: readonly Uint8Array[]): Result<Peer, RegionError> {
    return checkContext(this.#directory, context, keys);
  }

  #view(peer: Peer, proof: Proof): View {
    return new View(this.#directory, this.#engine, this.#safePoint, peer, proof);
  }

  acquireRead(
    context: RequestContext,
    keys: readonly Uint8Array[],
  ): Awaitable<Result<RegionView, RegionError>> {
    const checked = this.#check(context, keys);
    if (!checked.ok) return checked;
    const peer = checked.value;
    if (peer.group.leaseValid()) {
      return ok(this.#view(peer, 'lease'));
    }
    return this.#afterReadIndex(peer, context, keys);
  }

  acquireWrite(
    context: RequestContext,
    keys: readonly Uint8Array[],
  ): Awaitable<Result<RegionView, RegionError>> {
    const checked = this.#check(context, keys);
    if (!checked.ok) return checked;
    const peer = checked.value;
    if (peer.group.appliedOwnTerm) {
      return ok(this.#view(peer, 'term'));
    }
    // A read index is given only once an entry of the own term is committed, and waits for its apply.
    return this.#afterReadIndex(peer, context, keys);
  }

  #afterReadIndex(
    peer: Peer,
    context: RequestContext,
    keys: readonly Uint8Array[],
  ): Promise<Result<RegionView, RegionError>> {
    return new Promise((resolve) => {
      peer.group.reads.add((refusal) => {
        if (refusal !== undefined) {
          resolve(err(refusalError(peer, refusal)));
          return;
        }
        // The Region may have changed while the read waited.
        const again = this.#check(context, keys);
        resolve(again.ok ? ok(this.#view(again.value, 'term')) : again);
      });
      peer.group.touch();
    });
  }

  propose(view: RegionView, modifies: readonly Modify[]): Promise<Result<void, RegionError>> {
    const { region, term } = view;
    const peer = this.#directory.peers.get(region.id);
    if (peer === undefined) {
      return Promise.resolve(err({ type: 'region-not-found', regionId: region.id }));
    }
    const diskFull = this.#space?.diskFull;
    if (diskFull !== undefined && addsValue(modifies)) {
      return Promise.resolve(err(busy(diskFull)));
    }
    const bytes = modifiesBytes(modifies);
    if (bytes > limits.raftEntryBytesMax) {
      return Promise.resolve(
        err({ type: 'raft-entry-too-large', regionId: region.id, entryBytes: bytes }),
      );
    }
    return new Promise((resolve, reject) => {
      const waiter = { done: resolve, unknown: (error: KvError) => reject(error) };
      peer.submit({ modifies, bytes, term, version: region.epoch.version, waiter });
    });
  }
}

/**
 * What keeps a view good. `lease`: the lease, to the end of the read. `term`: a quorum has been asked, or will be by
 * a proposal; the state that is read must still be that of the same leadership. A follower's may be behind
 * commits that a read under a memory lock has just waited for, and a snapshot may be taking its place.
 */
type Proof = 'lease' | 'term';

class View implements RegionView {
  readonly region: Region;
  readonly term: Term;
  readonly reader: KvReader;
  readonly #directory: PeerDirectory;
  readonly #engine: KvEngine;
  readonly #safePoint: SafePointMark;
  readonly #peer: Peer;
  readonly #proof: Proof;

  constructor(
    directory: PeerDirectory,
    engine: KvEngine,
    safePoint: SafePointMark,
    peer: Peer,
    proof: Proof,
  ) {
    this.#safePoint = safePoint;
    this.#directory = directory;
    this.#engine = engine;
    this.#peer = peer;
    this.#proof = proof;
    this.region = peer.region;
    this.term = peer.group.node.term;
    this.reader = engine;
  }

  snapshot(): KvSnapshot {
    return this.#engine.snapshot();
  }

  get safePoint(): Timestamp {
    return this.#safePoint.value;
  }

  confirm(): Result<void, RegionError> {
    const peer = this.#peer;
    if (peer.group.destroyed) {
      return err({ type: 'region-not-found', regionId: this.region.id });
    }
    if (peer.region.epoch.version !== this.region.epoch.version) {
      return err(epochNotMatch(this.#directory, peer.region));
    }
    if (!peer.isLeader || peer.group.node.term !== this.term) {
      return err(peer.notLeader());
    }
    // A split may have been committed since: the same leader still, but asked again it would wait for it.
    if (this.#proof === 'lease' && !peer.group.leaseValid()) return err(peer.notLeader());
    return ok(undefined);
  }
}

function refusalError(peer: Peer, refusal: ReadRefusal): RegionError {
  switch (refusal) {
    case 'not-leader':
      return peer.notLeader();
    // Another may lead by now, and this peer has not heard of it.
    case 'lease-over':
      return { type: 'not-leader', regionId: peer.region.id, leader: undefined };
    case 'busy':
      return busy('too many reads wait for the region');
    case 'destroyed':
      return { type: 'region-not-found', regionId: peer.region.id };
  }
}
