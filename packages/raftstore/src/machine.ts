import { assert, type Env, type KvEngine } from '@tinykv/base';
import type { ApiMode, Peer as PeerMeta } from '@tinykv/model';
import type { Entry, Message, Snapshot } from '@tinykv/raft';
import type { ApplyWork, Group, Outbound, StateMachine } from '@tinykv/replica';
import type { AdminApplier } from './admin.js';
import { applyData } from './apply.js';
import { entryVoidsLease, isAdminEntry } from './command.js';
import type { Envelope } from './envelope.js';
import type { Peer } from './peer.js';
import type { PeerRegistry } from './registry.js';
import { isInitial } from './router.js';
import type { SafePointMark } from './safe-point.js';
import type { Snapshots } from './snapshots.js';

/** What the machine needs of the store. */
export interface MachineHost {
  readonly env: Env;
  readonly engine: KvEngine;
  readonly api: ApiMode;
  readonly registry: PeerRegistry;
  readonly safePoint: SafePointMark;
  readonly snapshots: Snapshots;
  readonly admin: AdminApplier;
  sendTo(storeId: number, envelopes: readonly Envelope[]): void;
  roleChanged(peer: Peer): void;
  damaged(peer: Peer, reason: string): void;
  fatal(error: unknown): void;
}

/** The store as the loop sees it. */
export class StoreMachine implements StateMachine {
  readonly #host: MachineHost;

  constructor(host: MachineHost) {
    this.#host = host;
  }

  #peerOf(group: Group): Peer | undefined {
    const peer = this.#host.registry.peers.get(group.id);
    return peer?.group === group ? peer : undefined;
  }

  proposePending(group: Group): void {
    this.#host.snapshots.afterStep(group.id);
    this.#peerOf(group)?.proposePending();
  }

  send(messages: readonly Outbound[]): void {
    const byStore = new Map<number, Envelope[]>();
    for (const { group, message } of messages) {
      const peer = this.#peerOf(group);
      const to = peer?.known.get(message.to);
      if (peer === undefined || to === undefined) {
        if (message.snapshot !== undefined) this.#host.snapshots.drop(message.snapshot);
        continue;
      }
      const envelope = wrap(peer, to, message);
      if (message.type === 'MsgSnap') {
        this.#host.snapshots.send(peer, envelope);
        continue;
      }
      const list = byStore.get(to.storeId);
      if (list === undefined) byStore.set(to.storeId, [envelope]);
      else list.push(envelope);
    }
    for (const [storeId, envelopes] of byStore) this.#host.sendTo(storeId, envelopes);
  }

  isFenced(entry: Entry): boolean {
    return isAdminEntry(entry);
  }

  voidsLease(entry: Entry): boolean {
    return entryVoidsLease(entry);
  }

  apply(work: readonly ApplyWork[]): Promise<void> {
    return applyData(this.#host, work);
  }

  async applyFenced(group: Group, entry: Entry): Promise<void> {
    const peer = this.#peerOf(group);
    if (peer !== undefined) await this.#host.admin.apply(peer, entry);
  }

  async installSnapshot(group: Group, snapshot: Snapshot, quiet: Promise<void>): Promise<void> {
    const peer = this.#peerOf(group);
    assert(peer !== undefined, () => `group ${group.id} has no peer`);
    await this.#host.snapshots.install(peer, snapshot, quiet);
  }

  async finishSnapshot(group: Group, snapshot: Snapshot): Promise<void> {
    const peer = this.#peerOf(group);
    if (peer === undefined || peer.damaged) this.#host.snapshots.abandon(group.id);
    else await this.#host.snapshots.finish(peer, snapshot);
  }

  makeSnapshot(group: Group): Snapshot | undefined {
    return this.#host.snapshots.make(group);
  }

  roleChanged(group: Group): void {
    const peer = this.#peerOf(group);
    if (peer === undefined) return;
    peer.releaseWaiters();
    this.#host.roleChanged(peer);
  }

  damaged(group: Group, reason: string): void {
    const peer = this.#peerOf(group);
    if (peer !== undefined) this.#host.damaged(peer, reason);
  }

  barrier(): Promise<void> {
    return this.#host.engine.barrier();
  }

  fatal(error: unknown): void {
    this.#host.fatal(error);
  }
}

function wrap(peer: Peer, to: PeerMeta, message: Message): Envelope {
  const { region, meta } = peer;
  const range = peer.initialized && isInitial(message) ? region.range : undefined;
  const { replicated } = peer.group;
  return {
    regionId: region.id,
    from: meta,
    to,
    epoch: region.epoch,
    range,
    tombstone: false,
    message,
    ...(message.type === 'MsgHeartbeat' && replicated > 0 ? { replicated } : {}),
  };
}
