import {
  type ClusterId,
  type Env,
  KvError,
  type PeerId,
  type RegionId,
  type StoreId,
  type Timestamp,
} from '@tinykv/base';
import {
  type ApiMode,
  type GcProgress,
  type Region,
  type RegionOperator,
  type RegionReport,
  type RegionWithLeader,
  type SchedulerApi,
  type StoreMeta,
  type StoreRefusal,
  StoreRefusedError,
  type StoreStats,
} from '@tinykv/model';
import {
  apiFromWire,
  leaderFromWire,
  type metapb,
  regionFromWire,
  regionToWire,
  schedulerpb,
  storeFromWire,
  storeStatsToWire,
  storeToWire,
} from '@tinykv/proto';
import { SchedulerError } from './errors.js';
import { RegionHeartbeats } from './region-heartbeats.js';
import { SchedulerAdmin } from './scheduler-admin.js';
import { SchedulerLink } from './scheduler-link.js';
import { TsoStream } from './tso-stream.js';

const rpc = schedulerpb.Scheduler;
const REPEAT = { repeat: true } as const;

export interface SchedulerClientOptions {
  /** Further rounds over all endpoints before `connect` gives up; default 0. */
  readonly retries?: number;
  /** Of a caller that knows its cluster: when no endpoint answers, `connect` goes on without one. */
  readonly clusterId?: ClusterId | undefined;
  /** Nobody waits for timestamps while the scheduler is known to be away; default false. */
  readonly failFast?: boolean;
}

/** The scheduler over the wire, for stores, gateways and tools. */
export class SchedulerClient implements SchedulerApi {
  readonly clusterId: ClusterId;
  readonly admin: SchedulerAdmin;
  readonly #link: SchedulerLink;
  readonly #timestamps: TsoStream;
  readonly #heartbeats: RegionHeartbeats;

  private constructor(env: Env, link: SchedulerLink, failFast: boolean) {
    this.clusterId = link.clusterId;
    this.#link = link;
    this.#timestamps = new TsoStream(env, link, failFast);
    this.#heartbeats = new RegionHeartbeats(env, link);
    this.admin = new SchedulerAdmin(link);
  }

  /** `endpoints` are host:port. Throws KvError UNAVAILABLE when none answers and the cluster is not known. */
  static async connect(
    env: Env,
    endpoints: readonly string[],
    options: SchedulerClientOptions = {},
  ): Promise<SchedulerClient> {
    const { retries = 0, clusterId, failFast = false } = options;
    const link = await SchedulerLink.connect(env, endpoints, retries, clusterId);
    return new SchedulerClient(env, link, failFast);
  }

  /** host:port of the member that leads, as far as is known. */
  get leader(): string {
    return this.#link.leader;
  }

  /** Why the scheduler is known to be away; undefined while it is not, and without `failFast`. */
  get away(): KvError | undefined {
    return this.#timestamps.away;
  }

  close(): void {
    this.#timestamps.close();
    this.#heartbeats.close();
    this.#link.close();
  }

  /** Asked again, it only wastes an id. */
  async allocId(): Promise<number> {
    return (await this.#link.call(rpc.allocID, {}, REPEAT)).id;
  }

  async isBootstrapped(): Promise<boolean> {
    return (await this.#link.call(rpc.isBootstrapped, {}, REPEAT)).bootstrapped;
  }

  /** Not repeated: after a lost answer the caller must look whether the cluster has its own Region. */
  async bootstrap(store: StoreMeta, region: Region, api: ApiMode): Promise<boolean> {
    const body = { store: storeToWire(store), region: regionToWire(region), api };
    try {
      await this.#link.call(rpc.bootstrap, body, { repeat: false });
      return true;
    } catch (error) {
      const already = schedulerpb.ErrorType.ALREADY_BOOTSTRAPPED;
      if (error instanceof SchedulerError && error.type === already) return false;
      throw error;
    }
  }

  async clusterApi(): Promise<ApiMode> {
    const { cluster } = await this.#link.call(rpc.getClusterConfig, {}, REPEAT);
    return apiFromWire(cluster?.api ?? '');
  }

  async putStore(store: StoreMeta): Promise<void> {
    const body = { store: storeToWire(store) };
    await this.#link.call(rpc.putStore, body, REPEAT).catch(rethrowRefusal);
  }

  async getStore(id: StoreId): Promise<StoreMeta> {
    const { store } = await this.#link.call(rpc.getStore, { storeId: id }, REPEAT);
    if (store === undefined) throw new KvError('NOT_FOUND', `there is no store ${id}`);
    return storeFromWire(store);
  }

  /** Tombstones included. */
  async allStores(): Promise<readonly StoreMeta[]> {
    const { stores } = await this.#link.call(rpc.getAllStores, {}, REPEAT);
    return stores.map(storeFromWire);
  }

  async getRegion(key: Uint8Array): Promise<RegionWithLeader | undefined> {
    return withLeader(await this.#link.call(rpc.getRegion, { regionKey: key }, REPEAT));
  }

  async getRegionById(id: RegionId): Promise<RegionWithLeader | undefined> {
    return withLeader(await this.#link.call(rpc.getRegionByID, { regionId: id }, REPEAT));
  }

  async scanRegions(
    start: Uint8Array,
    end: Uint8Array,
    limit: number,
  ): Promise<readonly RegionWithLeader[]> {
    const body = { startKey: start, endKey: end, limit };
    const { regions, leaders } = await this.#link.call(rpc.scanRegions, body, REPEAT);
    return regions.map((region, i) => ({
      region: regionFromWire(region),
      leader: leaderFromWire(leaders[i]),
    }));
  }

  async askSplit(
    region: Region,
  ): Promise<{ readonly regionId: RegionId; readonly peerIds: readonly PeerId[] }> {
    const body = { region: regionToWire(region) };
    const { newRegionId, newPeerIds } = await this.#link.call(rpc.askSplit, body, REPEAT);
    return { regionId: newRegionId, peerIds: newPeerIds };
  }

  async storeHeartbeat(stats: StoreStats): Promise<void> {
    const body = { stats: storeStatsToWire(stats) };
    await this.#link.call(rpc.storeHeartbeat, body, REPEAT).catch(rethrowRefusal);
  }

  regionHeartbeat(report: RegionReport): void {
    this.#heartbeats.send(report);
  }

  onOperator(handler: (operator: RegionOperator) => void): void {
    this.#heartbeats.onOperator(handler);
  }

  onReportsLost(handler: () => void): void {
    this.#heartbeats.onReportsLost(handler);
  }

  tso(count: number): Promise<Timestamp> {
    return this.#timestamps.get(count);
  }

  /** Never back, and no further than services let it. Where it is then. */
  async raiseGcSafePoint(safePoint: Timestamp): Promise<Timestamp> {
    return (await this.#link.call(rpc.updateGCSafePoint, { safePoint }, REPEAT)).newSafePoint;
  }

  async gcProgress(): Promise<GcProgress> {
    const { safePoint, resolved } = await this.admin.gcState();
    return { safePoint, resolved };
  }

  locksResolved(upTo: Timestamp): Promise<void> {
    return this.admin.reportLocksResolved(upTo);
  }
}

const refusals: ReadonlyMap<number, StoreRefusal> = new Map([
  [schedulerpb.ErrorType.STORE_FENCED, 'fenced'],
  [schedulerpb.ErrorType.STORE_RUNS_ELSEWHERE, 'elsewhere'],
  [schedulerpb.ErrorType.STORE_MAY_RUN_ELSEWHERE, 'perhaps'],
]);

/** What the scheduler says of two processes with one store id, in the words of the port. */
function rethrowRefusal(error: unknown): never {
  if (error instanceof SchedulerError) {
    const refusal = refusals.get(error.type);
    if (refusal !== undefined) throw new StoreRefusedError(refusal, error.message);
  }
  throw error;
}

function withLeader(response: {
  region: metapb.Region | undefined;
  leader: metapb.Peer | undefined;
}): RegionWithLeader | undefined {
  if (response.region === undefined) return undefined;
  return { region: regionFromWire(response.region), leader: leaderFromWire(response.leader) };
}
