import type { Env } from '@tinykv/base';
import { LockSweeper, type StoreRouter } from '@tinykv/client';
import { type GcConfig, type GcHost, GcWorker } from './gc-worker.js';

/** The collection of a store. It clears the locks of the cluster as any client would. */
export function createGc(
  env: Env,
  { router }: StoreRouter,
  host: Omit<GcHost, 'sweep'>,
  config: GcConfig,
): GcWorker {
  const sweeper = new LockSweeper(router);
  return new GcWorker(env, { ...host, sweep: (safePoint) => sweeper.sweep(safePoint) }, config);
}
