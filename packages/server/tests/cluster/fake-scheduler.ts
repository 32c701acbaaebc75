import { composeTimestamp, KvError, type Timestamp } from '@tinykv/base';
import {
  type ApiMode,
  isEpochStale,
  type Region,
  RegionMap,
  type RegionOperator,
  type RegionReport,
  type RegionWithLeader,
  type SchedulerApi,
  type StoreMeta,
  type StoreStats,
} from '@tinykv/model';

interface Known extends RegionWithLeader {
  readonly id: number;
  readonly range: Region['range'];
  readonly report: RegionReport | undefined;
}

/** A scheduler in memory, without policies: tests give the orders. */
export class FakeScheduler {
  readonly regions = new RegionMap<Known>();
  readonly stores = new Map<number, StoreMeta>();
  readonly handlers = new Map<number, (operator: RegionOperator) => void>();
  /** The next bootstrap is carried out, and its answer gets lost for good: the store does not ask again. */
  loseBootstrapAnswer = false;
  #nextId = 1;
  #bootstrapped = false;
  #api: ApiMode = 'txn';
  #ts = 1_000_000;

  /** The scheduler as one store sees it. */
  api(): SchedulerApi {
    let storeId = 0;
    const view = (known: Known | undefined): RegionWithLeader | undefined => known;
    return {
      clusterId: 7,
      allocId: async () => this.#nextId++,
      isBootstrapped: async () => this.#bootstrapped,
      bootstrap: async (store, region, api) => {
        if (this.#bootstrapped) return false;
        this.#bootstrapped = true;
        this.#api = api;
        this.stores.set(store.id, store);
        this.#put({
          region,
          leader: undefined,
          report: undefined,
          id: region.id,
          range: region.range,
        });
        if (this.loseBootstrapAnswer) {
          this.loseBootstrapAnswer = false;
          throw new KvError('CANCELLED', 'no answer');
        }
        return true;
      },
      clusterApi: async () => this.#api,
      putStore: async (store) => {
        storeId = store.id;
        this.stores.set(store.id, store);
      },
      getStore: async (id) => {
        const store = this.stores.get(id);
        if (store === undefined) throw new Error(`no store ${id}`);
        return store;
      },
      allStores: async () => [...this.stores.values()],
      getRegion: async (key) => view(this.regions.find(key)),
      getRegionById: async (id) => view(this.regions.get(id)),
      scanRegions: async (start, end, limit) => this.regions.scan(start, end, limit),
      askSplit: async (region) => ({
        regionId: this.#nextId++,
        peerIds: region.peers.map(() => this.#nextId++),
      }),
      storeHeartbeat: async (_stats: StoreStats) => undefined,
      regionHeartbeat: (report) => this.#heartbeat(report),
      onReportsLost: () => undefined,
      onOperator: (handler) => {
        this.handlers.set(storeId, handler);
      },
      tso: async (count): Promise<Timestamp> => {
        this.#ts += count;
        return composeTimestamp(this.#ts, 0);
      },
      gcProgress: async () => ({ safePoint: 0n, resolved: 0n }),
      locksResolved: async () => undefined,
    };
  }

  allocId(): number {
    return this.#nextId++;
  }

  #put(known: Known): void {
    this.regions.replaceOverlapping(known);
  }

  #heartbeat(report: RegionReport): void {
    const { region, leader } = report;
    const known = this.regions.get(region.id);
    if (known !== undefined && isEpochStale(region.epoch, known.region.epoch)) return;
    this.#put({ region, leader, report, id: region.id, range: region.range });
  }

  /** Gives an order to the leader of the Region, as its last heartbeat said. */
  order(regionId: number, make: (region: Region) => Pick<RegionOperator, 'type'> & object): void {
    const known = this.regions.get(regionId);
    if (known?.leader === undefined) return;
    const operator = {
      regionId,
      epoch: known.region.epoch,
      targetPeer: known.leader,
      ...make(known.region),
    } as RegionOperator;
    this.handlers.get(known.leader.storeId)?.(operator);
  }
}
