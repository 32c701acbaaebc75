import {
  type Clock,
  equalBytes,
  err,
  ok,
  type PeerId,
  type Result,
  type StoreId,
} from '@tinykv/base';
import {
  compareEnds,
  describeRegion,
  equalEpochs,
  equalPeers,
  isEpochStale,
  type Peer,
  type Region,
  type RegionReport,
  type StoreMeta,
  type StoreStats,
} from '@tinykv/model';
import type { SchedulerConfig } from './config.js';
import type { RegionInfo } from './policy/view.js';
import { type AnnouncedRegions, Preparation, type PreparationState } from './preparation.js';
import { implausibleRegion, implausibleReport } from './region-claims.js';
import { RegionIndex, regionInfo, unreportedRegion } from './region-index.js';
import { schedulerNowMs } from './scheduler-now.js';
import type { SchedulerState } from './state.js';
import { type Place, StoreStarts } from './store-starts.js';

/** What one store last said. */
interface StoreReport {
  /** Undefined: nothing since this member leads. */
  readonly stats: StoreStats | undefined;
  /** Monotonic time of the last heartbeat. */
  readonly at: number;
}

type ClusterTimes = Pick<
  SchedulerConfig,
  'storeDisconnectedMs' | 'collectTimeoutMs' | 'tsoSaveIntervalMs'
>;

/**
 * The cluster as heartbeats show it, in the memory of the leader. Stores are replicated state; what
 * they hold is not, so a new leader knows nothing until stores and Regions have reported.
 */
export class Cluster {
  readonly #state: SchedulerState;
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #config: ClusterTimes;
  readonly #reports = new Map<StoreId, StoreReport>();
  readonly #starts: StoreStarts;
  readonly regions: RegionIndex = new RegionIndex();
  readonly #preparation: Preparation;

  constructor(state: SchedulerState, clock: Clock, config: ClusterTimes) {
    this.#state = state;
    this.#clock = clock;
    this.#startedAt = clock.mono();
    this.#config = config;
    this.#starts = new StoreStarts(clock, config.storeDisconnectedMs);
    this.#preparation = new Preparation(clock, config.collectTimeoutMs);
  }

  stores(): Iterable<StoreMeta> {
    return this.#state.stores.values();
  }

  store(id: StoreId): StoreMeta | undefined {
    return this.#state.stores.get(id);
  }

  /**
   * Since the last heartbeat. When this member begins to lead, a store is given the benefit of the doubt for as long
   * as one may be silent; then a silence that a former leader has noted counts from its beginning.
   */
  silentMs(id: StoreId): number {
    const report = this.#reports.get(id);
    const here = this.#clock.mono() - (report?.at ?? this.#startedAt);
    const since = this.#state.silentSince.get(id);
    if (report !== undefined || since === undefined || here <= this.#config.storeDisconnectedMs)
      return here;
    return Math.max(here, schedulerNowMs(this.#clock, this.#state, this.#config) - since);
  }

  /** Whether the store has spoken to this leader. */
  hasHeard(id: StoreId): boolean {
    return this.#reports.has(id);
  }

  /** Whether a process may have the store's id at the address that it names. */
  placeOf(store: StoreMeta): Place {
    const heardAt = this.#clock.mono() - this.silentMs(store.id);
    return this.#starts.placeOf(store, this.store(store.id), heardAt);
  }

  /** The store has been heard of lately. */
  isConnected(id: StoreId): boolean {
    return this.silentMs(id) <= this.#config.storeDisconnectedMs;
  }

  stats(id: StoreId): StoreStats | undefined {
    return this.#reports.get(id)?.stats;
  }

  /** The store says that the peer has lost what it had promised. */
  isDamaged(peerId: PeerId, storeId: StoreId): boolean {
    return this.stats(storeId)?.damagedPeers.includes(peerId) === true;
  }

  onStoreHeartbeat(stats: StoreStats): void {
    this.#preparation.heard();
    this.#reports.set(stats.storeId, { stats, at: this.#clock.mono() });
  }

  /** A new store counts as heard of. */
  onStorePut(id: StoreId): void {
    const stats = this.#reports.get(id)?.stats;
    this.#reports.set(id, { stats, at: this.#clock.mono() });
  }

  /** What the first store says of its Region at bootstrap, so that clients find it before it reports. */
  addBootstrapped(region: Region): void {
    if (this.regions.size > 0 || implausibleRegion(region) !== undefined) return;
    this.regions.put(unreportedRegion(region));
  }

  /**
   * Takes a leader's report, or refuses it as older than what is known: a part of its epoch is behind
   * that of the Region or of one that it overlaps, or it comes from a leader of an older term.
   */
  onRegionHeartbeat(report: RegionReport): Result<RegionInfo, string> {
    const region = regionInfo(report);
    const known = this.regions.get(region.id);
    const reason = implausibleReport(region.region, region.leader, known?.region.epoch);
    if (reason !== undefined) return err(reason);
    const rivals = known === undefined ? this.regions.overlapping(region) : [known];
    for (const rival of rivals) {
      if (isEpochStale(region.region.epoch, rival.region.epoch)) {
        const known = describeRegion(rival.region);
        return err(`region is stale: ${describeRegion(report.region)}, known ${known}`);
      }
    }
    if (known !== undefined && isOldLeader(region, known)) {
      return err(`leader is stale: term ${region.term} of region ${region.id} < ${known.term}`);
    }
    const present = known !== undefined && isUnchanged(region, known) ? known : region;
    if (present !== known) this.regions.put(region);
    return ok(present);
  }

  /** True once enough is known to schedule. Stays true. */
  isPrepared(): boolean {
    return this.preparation().type !== 'collecting';
  }

  /** A store that has been silent since the start is waited for as long as it might only be slow. */
  preparation(): PreparationState {
    if (!this.#preparation.isDone) this.#checkPreparation();
    return this.#preparation.state;
  }

  #checkPreparation(): void {
    const heard: AnnouncedRegions[] = [];
    let isWaiting = this.regions.size === 0;
    for (const { id, state } of this.stores()) {
      if (state === 'tombstone') continue;
      const stats = this.stats(id);
      if (stats === undefined) {
        isWaiting ||= this.silentMs(id) <= this.#config.storeDisconnectedMs;
        continue;
      }
      const announced = stats.regionCount - (stats.leaderlessRegions ?? 0);
      heard.push({ storeId: id, announced, known: this.regions.counts(id).regionCount });
    }
    this.#preparation.check(heard, isWaiting);
  }

  /**
   * True when an offline store certainly holds no peer any more: the known Regions leave no gap in which
   * one could hide, none has a peer there, and the store itself says so if it still speaks.
   */
  isDrained(id: StoreId): boolean {
    if (!this.isPrepared() || this.regions.counts(id).regionCount > 0) return false;
    const stats = this.stats(id);
    const isSilent = this.silentMs(id) > this.#config.storeDisconnectedMs;
    return (isSilent || stats?.regionCount === 0) && this.#coversAllKeys();
  }

  #coversAllKeys(): boolean {
    let end: Uint8Array | undefined;
    for (const { range } of this.regions.values()) {
      const isNext =
        end === undefined ? range.start.length === 0 : compareEnds(end, range.start) === 0;
      if (!isNext) return false;
      end = range.end;
    }
    return end?.length === 0;
  }
}

/** Of two leaders of one epoch the one of the higher term is right. Foreign stores do not say their term. */
function isOldLeader(region: RegionInfo, known: RegionInfo): boolean {
  return region.term > 0 && region.term < known.term;
}

function isUnchanged(a: RegionInfo, b: RegionInfo): boolean {
  return (
    equalEpochs(a.region.epoch, b.region.epoch) &&
    a.term === b.term &&
    a.leader?.id === b.leader?.id &&
    a.approximateBytes === b.approximateBytes &&
    a.approximateKeys === b.approximateKeys &&
    equalLists(a.region.peers, b.region.peers) &&
    equalLists(a.pendingPeers, b.pendingPeers) &&
    equalLists(a.downPeers, b.downPeers) &&
    equalBytes(a.range.start, b.range.start) &&
    compareEnds(a.range.end, b.range.end) === 0
  );
}

function equalLists(a: readonly Peer[], b: readonly Peer[]): boolean {
  return a.length === b.length && a.every((peer, i) => equalPeers(peer, b[i]!));
}
