import type { Env } from '@tinykv/base';
import { RawClient } from './raw.js';
import { RegionCache } from './region-cache.js';
import { Router } from './router.js';
import { SchedulerClient } from './scheduler-client.js';
import { StoreStreams } from './store-streams.js';

export interface ClientOptions {
  /** host:port of the scheduler's members. */
  readonly scheduler: string | readonly string[];
  /** Further rounds over the members before connecting fails; default 10. */
  readonly retries?: number;
}

/** A client of one cluster; cheap to share, expensive to make. */
export class Client {
  readonly raw: RawClient;
  readonly scheduler: SchedulerClient;
  readonly #stores: StoreStreams;

  private constructor(raw: RawClient, scheduler: SchedulerClient, stores: StoreStreams) {
    this.raw = raw;
    this.scheduler = scheduler;
    this.#stores = stores;
  }

  /** Throws KvError UNAVAILABLE when no member of the scheduler answers. */
  static async connect(env: Env, options: ClientOptions): Promise<Client> {
    const { scheduler: members, retries = 10 } = options;
    const endpoints = typeof members === 'string' ? members.split(',') : members;
    const scheduler = await SchedulerClient.connect(env, endpoints, { retries });
    const stores = new StoreStreams(env, scheduler);
    const api = await scheduler.clusterApi();
    const router = new Router(env, api, new RegionCache(scheduler), stores);
    return new Client(new RawClient(router), scheduler, stores);
  }

  async close(): Promise<void> {
    this.#stores.close();
    this.scheduler.close();
  }
}
