import type { Env } from '@tinykv/base';
import type { ApiMode, SchedulerApi } from '@tinykv/model';
import { RegionCache } from './region-cache.js';
import { Router } from './router.js';
import { StoreStreams } from './store-streams.js';

/** How a store reaches the leaders of Regions, as clients do. */
export interface StoreRouter {
  readonly router: Router;
  close(): void;
}

/** Connects when something is sent. */
export function storeRouter(env: Env, api: ApiMode, scheduler: SchedulerApi): StoreRouter {
  const streams = new StoreStreams(env, scheduler);
  const router = new Router(env, api, new RegionCache(scheduler), streams);
  return { router, close: () => streams.close() };
}
