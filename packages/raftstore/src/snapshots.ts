import {
  assert,
  CodecError,
  type Env,
  errorMessage,
  type KvEngine,
  KvError,
  type NetStream,
  type StreamEvents,
} from '@tinykv/base';
import {
  type ApiMode,
  findPeer,
  isEpochStale,
  type KeyRange,
  type Region,
  regionStateKey,
} from '@tinykv/model';
import type { Snapshot } from '@tinykv/raft';
import type { Group } from '@tinykv/replica';
import type { Envelope } from './envelope.js';
import type { PeerLifecycle } from './lifecycle.js';
import {
  decodeRegion,
  decodeSnapshotSafePoint,
  encodeRegionState,
  type RegionLocalState,
} from './local-state.js';
import type { Peer } from './peer.js';
import type { PeerRegistry } from './registry.js';
import { isPlausible } from './router.js';
import type { SafePointMark } from './safe-point.js';
import { installSnapshotData, problemOfFile } from './snapshot-install.js';
import { SnapshotReceiver } from './snapshot-receiver.js';
import { SnapshotSender } from './snapshot-sender.js';

/** What snapshots need of the store. */
export interface SnapshotsHost {
  readonly env: Env;
  readonly engine: KvEngine;
  readonly api: ApiMode;
  readonly clusterId: number;
  readonly bytesPerSecond: number;
  readonly registry: PeerRegistry;
  readonly lifecycle: PeerLifecycle;
  readonly safePoint: SafePointMark;
  resolve(storeId: number): Promise<string>;
  changed(peer: Peer): void;
  damaged(peer: Peer, reason: string): void;
}

/** A received snapshot on its way through the core. */
interface Delivered {
  readonly peer: Peer;
  readonly file: string;
  readonly index: number;
  readonly term: number;
  /** The core has been given the message. */
  stepped: boolean;
  /** The core took it: it is being installed. */
  accepted: boolean;
}

/** Snapshots out (streamed off the engine) and in (file, core, install). */
export class Snapshots {
  readonly #host: SnapshotsHost;
  readonly #sender: SnapshotSender;
  readonly #receiver: SnapshotReceiver;
  readonly #delivered = new Map<number, Delivered>();
  #installing = 0;

  constructor(host: SnapshotsHost) {
    this.#host = host;
    this.#sender = new SnapshotSender(host.env, host.api, host.clusterId, host.bytesPerSecond);
    this.#receiver = new SnapshotReceiver(host.env, {
      clusterId: host.clusterId,
      refuse: (envelope) => this.#refuse(envelope),
      received: (envelope, file) => this.#received(envelope, file),
    });
  }

  counts(): { readonly sending: number; readonly receiving: number; readonly applying: number } {
    const { sending } = this.#sender;
    return { sending, receiving: this.#receiver.receiving, applying: this.#installing };
  }

  /** Undefined: not now. A replica whose own records are damaged stops alone, as soon as the core has finished its step. */
  make(group: Group): Snapshot | undefined {
    const { env, engine, registry, damaged } = this.#host;
    try {
      return this.#sender.make(engine.snapshot(), group.id);
    } catch (error) {
      const reason = errorMessage(error);
      env.logger.warn('snapshot not made', { region_id: group.id, error: reason });
      const peer = registry.peers.get(group.id);
      if (error instanceof CodecError && peer?.group === group) {
        env.clock.defer(() => damaged(peer, reason));
      }
      return undefined;
    }
  }

  /** Nobody is there to be sent it any more. */
  drop(snapshot: Snapshot): void {
    this.#sender.drop(snapshot);
  }

  /** Streams what a MsgSnap of the core stands for, and tells the core how it went. */
  send(peer: Peer, envelope: Envelope): void {
    const snapshot = envelope.message?.snapshot;
    assert(snapshot !== undefined, 'MsgSnap carries a snapshot');
    const { term } = envelope.message!;
    const { range } = decodeRegion(snapshot.data);
    const done = (error: string | undefined): void => {
      const { to } = envelope;
      const fields = {
        region_id: peer.region.id,
        store_id: to.storeId,
        index: snapshot.metadata.index,
      };
      if (error === undefined) this.#host.env.logger.info('snapshot sent', fields);
      else this.#host.env.logger.warn('snapshot not sent', { ...fields, error });
      const { group } = peer;
      const { node, destroyed } = group;
      // A leader that was deposed and leads again may be sending another one by now.
      const { index } = snapshot.metadata;
      const awaited = node.term === term && node.progressOf(to.id)?.pendingSnapshot === index;
      if (destroyed || !awaited) return;
      // Its follower has yet to install it and to catch up with what was written meanwhile.
      if (error === undefined) group.keepLogBehind(to.id, index);
      else group.releaseLog(to.id);
      node.reportSnapshot(to.id, error === undefined ? 'finish' : 'failure');
      peer.group.touch();
    };
    peer.group.keepLogBehind(envelope.to.id, snapshot.metadata.index);
    this.#host.resolve(envelope.to.storeId).then(
      (address) => this.#sender.send(address, { ...envelope, range }, done),
      (error: unknown) => {
        this.#sender.drop(snapshot);
        done(errorMessage(error));
      },
    );
  }

  accept(stream: NetStream): StreamEvents {
    return this.#receiver.accept(stream);
  }

  #refuse(envelope: Envelope): string | undefined {
    const { registry } = this.#host;
    const { regionId, to, message } = envelope;
    const snapshot = message?.snapshot;
    if (message?.type !== 'MsgSnap' || snapshot === undefined) return 'not a snapshot';
    if (to.storeId !== registry.storeId) return `this is store ${registry.storeId}`;
    if (!isPlausible(envelope)) return 'no store sends such a message';
    const region = decodeRegion(snapshot.data);
    if (findPeer(region, to.id) === undefined) return `peer ${to.id} is not in the region`;
    if (registry.destroying.has(regionId)) return 'the former peer is being removed';
    const peer = registry.peers.get(regionId);
    // The message that makes a peer comes before its snapshot.
    if (peer === undefined || peer.meta.id !== to.id) return `peer ${to.id} is not here`;
    if (peer.damaged) return 'the peer is damaged';
    if (peer.group.readOnly !== undefined) return peer.group.readOnly;
    if (isEpochStale(region.epoch, peer.region.epoch))
      return 'the snapshot is older than the region';
    if (registry.isOccupied(region.range, regionId)) return 'the range belongs to another region';
    if (registry.isBeingCleared(region.range)) return 'a part of the range is being destroyed';
    if (this.#delivered.get(regionId)?.accepted === true)
      return 'another snapshot is being applied';
    return undefined;
  }

  /**
   * The parts were sound when they came; what the disk made of them is read back before the core is told,
   * which can't give back what it has taken. The sender hears of a file that is not, and sends it again.
   */
  async #received(envelope: Envelope, file: string): Promise<void> {
    const { registry, env } = this.#host;
    const problem = await problemOfFile(env.fs, file);
    const refusal = problem ?? this.#refuse(envelope) ?? this.#waiting(envelope.regionId);
    const message = envelope.message;
    const snapshot = message?.snapshot;
    if (refusal !== undefined || message === undefined || snapshot === undefined) {
      this.#removeFile(file);
      throw new KvError(problem ? 'DATA_LOSS' : 'FAILED_PRECONDITION', refusal ?? 'no snapshot');
    }
    env.faults.hit('snapshot-file-checked');
    this.#release(envelope.regionId);
    const peer = registry.peers.get(envelope.regionId);
    assert(peer !== undefined, 'checked just now');
    const { index, term } = snapshot.metadata;
    const delivered = { peer, file, index, term, stepped: false, accepted: false };
    this.#delivered.set(envelope.regionId, delivered);
    registry.reserved.set(envelope.regionId, decodeRegion(snapshot.data).range);
    peer.known.set(envelope.from.id, envelope.from);
    peer.group.receive(message);
  }

  /**
   * Of two snapshots that end before the peer's next turn, the core may take either. Only one file is kept, so
   * the later one is refused; its sender sends again if it is still needed.
   */
  #waiting(regionId: number): string | undefined {
    const delivered = this.#delivered.get(regionId);
    const waits =
      delivered !== undefined &&
      !delivered.stepped &&
      delivered.peer === this.#host.registry.peers.get(regionId);
    return waits ? 'another snapshot waits for its turn' : undefined;
  }

  /** Once a turn: a snapshot that the core was given and did not take is let go. */
  afterStep(regionId: number): void {
    const delivered = this.#delivered.get(regionId);
    if (delivered === undefined || delivered.accepted) return;
    if (delivered.stepped) this.#release(regionId);
    else delivered.stepped = true;
  }

  #release(regionId: number): void {
    const delivered = this.#delivered.get(regionId);
    if (delivered === undefined) return;
    assert(!delivered.accepted, () => `snapshot of region ${regionId} is being applied`);
    this.#delivered.delete(regionId);
    this.#host.registry.reserved.delete(regionId);
    this.#removeFile(delivered.file);
  }

  #removeFile(file: string): void {
    this.#host.env.fs.remove(file).catch((error: unknown) => {
      this.#host.env.logger.warn('snapshot file', { file, error: errorMessage(error) });
    });
  }

  /** See StateMachine.installSnapshot. The mark is the state Applying, with the file's name. */
  async install(peer: Peer, snapshot: Snapshot, quiet: Promise<void>): Promise<void> {
    const { index, term } = snapshot.metadata;
    const delivered = this.#delivered.get(peer.region.id);
    assert(
      delivered !== undefined && delivered.index === index && delivered.term === term,
      () => `no file for the snapshot of region ${peer.region.id} at ${index}`,
    );
    delivered.accepted = true;
    this.#installing++;
    await quiet;
    // Its own removal may have been what was being applied.
    if (peer.group.destroyed) return;
    const { engine, env, api } = this.#host;
    const region = decodeRegion(snapshot.data);
    const problem = await problemOfFile(env.fs, delivered.file);
    if (problem !== undefined) {
      // The core has let go of its log for this file. Nothing is written yet, and nothing will be.
      this.#host.damaged(peer, problem);
      return;
    }
    const former = peer.initialized ? peer.region.range : undefined;
    env.faults.hit('snapshot-before-mark');
    await this.#writeState(peer, region, snapshot, {
      state: 'applying',
      snapshotFile: delivered.file,
      otherRange: former,
    });
    env.faults.hit('snapshot-before-data');
    const wipe: KeyRange[] = former === undefined ? [region.range] : [former, region.range];
    await installSnapshotData(engine, env, api, delivered.file, wipe);
    env.faults.hit('snapshot-after-data');
  }

  /** The peer was stopped while its snapshot was installed: its removal takes care of the data. */
  abandon(regionId: number): void {
    const delivered = this.#delivered.get(regionId);
    if (delivered?.accepted !== true) return;
    const { registry } = this.#host;
    // A peer that waits to be replaced keeps what the snapshot may have been written to, until it goes.
    const isKept = registry.destroying.has(regionId) || registry.peers.get(regionId)?.damaged;
    if (isKept !== true) registry.reserved.delete(regionId);
    this.#installing--;
    this.#delivered.delete(regionId);
    this.#removeFile(delivered.file);
  }

  /** See StateMachine.finishSnapshot. */
  async finish(peer: Peer, snapshot: Snapshot): Promise<void> {
    const { registry, env } = this.#host;
    const region = decodeRegion(snapshot.data);
    env.faults.hit('snapshot-before-normal');
    await this.#writeState(peer, region, snapshot, { state: 'normal', snapshotFile: '' });
    env.faults.hit('snapshot-before-file-removed');
    this.#installing--;
    const delivered = this.#delivered.get(region.id);
    this.#delivered.delete(region.id);
    registry.reserved.delete(region.id);
    if (delivered !== undefined) this.#removeFile(delivered.file);
    registry.setRegion(peer, region);
    peer.skipTo(snapshot.metadata);
    peer.measured = false;
    env.logger.info('snapshot applied', {
      region_id: region.id,
      index: snapshot.metadata.index,
      term: snapshot.metadata.term,
    });
    this.#host.changed(peer);
  }

  async #writeState(
    peer: Peer,
    region: Region,
    snapshot: Snapshot,
    mark: Pick<RegionLocalState, 'state' | 'snapshotFile' | 'otherRange'>,
  ): Promise<void> {
    const { engine, safePoint } = this.#host;
    const batch = engine.batch();
    // What the sender had collected is missing here, too, as soon as its data is.
    safePoint.collect(decodeSnapshotSafePoint(snapshot.data), batch);
    batch.put(
      regionStateKey(region.id),
      encodeRegionState({
        ...mark,
        region,
        peerId: peer.meta.id,
        appliedIndex: snapshot.metadata.index,
        appliedTerm: snapshot.metadata.term,
      }),
    );
    await engine.write(batch, { sync: true });
  }

  close(): void {
    this.#sender.close();
  }
}
