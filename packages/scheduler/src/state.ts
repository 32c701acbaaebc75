import {
  assertNever,
  ByteReader,
  ByteWriter,
  type ClusterId,
  CodecError,
  limits,
  type StoreId,
} from '@tinykv/base';
import type { ApiMode, StoreMeta, StoreState } from '@tinykv/model';
import { type Command, readApi, readStore, writeApi, writeStore } from './command.js';
import { type GcRefusal, GcState } from './gc-state.js';

/** What applying a command came to. A refused command changed nothing. */
export type Outcome = 'done' | Refusal;

export type Refusal =
  | 'already-bootstrapped'
  | 'not-bootstrapped'
  | 'store-tombstone'
  | 'store-not-found'
  /** Only a store that is being drained can become a tombstone. */
  | 'store-not-offline'
  | 'address-in-use'
  | 'too-many-stores'
  /** A later start of the store is known. */
  | 'store-fenced'
  /** The bound that the proposer read has moved since. */
  | 'bound-moved'
  | GcRefusal;

/** The cluster since its bootstrap. */
export interface ClusterMeta {
  readonly api: ApiMode;
  /** How many peers the replica checker gives each Region. */
  readonly maxPeerCount: number;
  /** Milliseconds since the Unix epoch. */
  readonly bootstrappedAtMs: number;
}

/**
 * Everything of the scheduler that must survive: a pure function of the commands applied. Regions are
 * not here: they are known from heartbeats alone.
 */
export class SchedulerState {
  /** 0 until it is given. */
  #clusterId: ClusterId = 0;
  #cluster: ClusterMeta | undefined;
  readonly #stores = new Map<StoreId, StoreMeta>();
  /** The greatest id that was ever taken; ids start at 1. */
  #idBound = 0;
  /** Every timestamp ever served has a physical part below this. */
  #tsoBoundMs = 0;
  #gc = new GcState();
  /** Milliseconds since the Unix epoch at which a silent store was last heard of. */
  readonly #silentSince = new Map<StoreId, number>();

  get clusterId(): ClusterId {
    return this.#clusterId;
  }

  get cluster(): ClusterMeta | undefined {
    return this.#cluster;
  }

  get stores(): ReadonlyMap<StoreId, StoreMeta> {
    return this.#stores;
  }

  get idBound(): number {
    return this.#idBound;
  }

  get tsoBoundMs(): number {
    return this.#tsoBoundMs;
  }

  get gc(): Readonly<Pick<GcState, 'safePoint' | 'resolved' | 'settings' | 'services'>> {
    return this.#gc;
  }

  get silentSince(): ReadonlyMap<StoreId, number> {
    return this.#silentSince;
  }

  apply(command: Command): Outcome {
    switch (command.type) {
      case 'name-cluster':
        if (this.#clusterId === 0) this.#clusterId = command.clusterId;
        return 'done';
      case 'bootstrap': {
        if (this.#cluster !== undefined) return 'already-bootstrapped';
        const { api, maxPeerCount, store, atMs } = command;
        this.#cluster = { api, maxPeerCount, bootstrappedAtMs: atMs };
        this.#stores.set(store.id, store);
        return 'done';
      }
      case 'put-store':
        return this.#putStore(command.store);
      case 'set-store-state':
        return this.#setStoreState(command.storeId, command.state);
      case 'set-max-peer-count':
        if (this.#cluster === undefined) return 'not-bootstrapped';
        this.#cluster = { ...this.#cluster, maxPeerCount: command.maxPeerCount };
        return 'done';
      case 'reserve-ids':
        if (this.#idBound !== command.from) return 'bound-moved';
        this.#idBound = command.to;
        return 'done';
      case 'save-tso':
        this.#tsoBoundMs = Math.max(this.#tsoBoundMs, command.boundMs);
        return 'done';
      case 'raise-gc-safe-point':
        this.#gc.raise(command.safePoint);
        return 'done';
      case 'raise-gc-resolved':
        this.#gc.raiseResolved(command.upTo);
        return 'done';
      case 'set-gc-service':
        return this.#gc.setService(command.service) ?? 'done';
      case 'remove-gc-service':
        this.#gc.removeService(command.id);
        return 'done';
      case 'expire-gc-services':
        this.#gc.expireServices(command.nowMs);
        return 'done';
      case 'set-gc':
        this.#gc.set(command.settings);
        return 'done';
      case 'note-silence':
        return this.#noteSilence(command.storeId, command.sinceMs);
      default:
        return assertNever(command);
    }
  }

  /** A store that is known keeps its state: only an operator of the cluster changes that. */
  #putStore(store: StoreMeta): Outcome {
    if (this.#cluster === undefined) return 'not-bootstrapped';
    const known = this.#stores.get(store.id);
    if (known === undefined && this.#stores.size >= limits.storesMax) return 'too-many-stores';
    if (known?.state === 'tombstone') return 'store-tombstone';
    if (known !== undefined && isFenced(store, known)) return 'store-fenced';
    for (const other of this.#stores.values()) {
      const taken = other.address === store.address && other.state !== 'tombstone';
      if (taken && other.id !== store.id) return 'address-in-use';
    }
    const { formerStartToken: _former, ...meta } = store;
    this.#stores.set(store.id, { ...known, ...meta, state: known?.state ?? store.state });
    return 'done';
  }

  /** A tombstone stays one: its peers may be gone. */
  #setStoreState(id: StoreId, state: StoreState): Outcome {
    const known = this.#stores.get(id);
    if (known === undefined) return 'store-not-found';
    if (known.state === state) return 'done';
    if (known.state === 'tombstone') return 'store-tombstone';
    if (state === 'tombstone' && known.state !== 'offline') return 'store-not-offline';
    this.#stores.set(id, { ...known, state });
    if (state === 'tombstone') this.#silentSince.delete(id);
    return 'done';
  }

  #noteSilence(id: StoreId, sinceMs: number): Outcome {
    const known = this.#stores.get(id);
    if (known === undefined) return 'store-not-found';
    if (known.state === 'tombstone') return 'store-tombstone';
    if (sinceMs === 0) this.#silentSince.delete(id);
    else this.#silentSince.set(id, sinceMs);
    return 'done';
  }

  /** The same bytes for the same state, on every member. */
  encode(): Uint8Array {
    const writer = new ByteWriter().u64(this.#clusterId);
    writer.u8(this.#cluster === undefined ? 0 : 1);
    if (this.#cluster !== undefined) {
      writeApi(writer, this.#cluster.api);
      writer.u32(this.#cluster.maxPeerCount).u64(this.#cluster.bootstrappedAtMs);
    }
    writer.u32(this.#stores.size);
    const stores = [...this.#stores.values()].sort((a, b) => a.id - b.id);
    for (const store of stores) writeStore(writer, store);
    writer.u64(this.#idBound).u64(this.#tsoBoundMs).timestamp(this.#gc.safePoint);
    this.#gc.write(writer);
    const started = stores.filter(({ startToken }) => startToken !== undefined);
    const silent = [...this.#silentSince].sort(([a], [b]) => a - b);
    if (started.length + silent.length > 0) writer.u32(started.length);
    for (const { id, startToken = 0 } of started) writer.u64(id).u64(startToken);
    if (silent.length > 0) writer.u32(silent.length);
    for (const [id, sinceMs] of silent) writer.u64(id).u64(sinceMs);
    return writer.finish();
  }

  /** Throws CodecError. */
  static decode(bytes: Uint8Array): SchedulerState {
    const reader = new ByteReader(bytes);
    const state = new SchedulerState();
    state.#clusterId = reader.u64();
    if (reader.u8() === 1) {
      const api = readApi(reader);
      state.#cluster = { api, maxPeerCount: reader.u32(), bootstrappedAtMs: reader.u64() };
    }
    for (let left = reader.u32(); left > 0; left--) {
      const store = readStore(reader);
      state.#stores.set(store.id, store);
    }
    state.#idBound = reader.u64();
    state.#tsoBoundMs = reader.u64();
    state.#gc = GcState.read(reader.timestamp(), reader);
    // Parts that a state of an older version does not have.
    if (reader.remaining > 0) state.#readStarts(reader);
    if (reader.remaining > 0) state.#readSilences(reader);
    reader.end();
    return state;
  }

  #readStarts(reader: ByteReader): void {
    for (let left = reader.u32(); left > 0; left--) {
      const store = this.#stores.get(reader.u64());
      if (store === undefined) throw new CodecError('a start of no store');
      this.#stores.set(store.id, { ...store, startToken: reader.u64() });
    }
  }

  #readSilences(reader: ByteReader): void {
    for (let left = reader.u32(); left > 0; left--) {
      const id = reader.u64();
      if (!this.#stores.has(id)) throw new CodecError('a silence of no store');
      this.#silentSince.set(id, reader.u64());
    }
  }
}

/**
 * Whether the known start is one that the store's folder has not seen: of a copy of the folder, or a later one. Who
 * does not say which start it is, as TinyKV's stores, is not compared.
 */
export function isFenced(
  { startToken, formerStartToken = 0 }: StoreMeta,
  known: StoreMeta,
): boolean {
  if (startToken === undefined || known.startToken === undefined) return false;
  return startToken !== known.startToken && formerStartToken < known.startToken;
}
