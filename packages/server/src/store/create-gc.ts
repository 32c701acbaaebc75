import type { Env } from '@tinykv/base';
import { LockSweeper } from '@tinykv/client';
import type { ApiMode, SchedulerApi } from '@tinykv/model';
import { type GcConfig, type GcHost, GcWorker } from './gc-worker.js';

export interface GcParts extends Omit<GcHost, 'sweep' | 'scheduler'> {
  readonly scheduler: SchedulerApi;
  readonly api: ApiMode;
}

/** The collection of a store, and how to end it. */
export interface StoreGc {
  start(): void;
  stop(): Promise<void>;
}

/** The locks of the cluster are cleared over the network, as by any client. */
export function createGc(env: Env, parts: GcParts, config: GcConfig): StoreGc {
  const sweeper = new LockSweeper(env, parts.scheduler, parts.api);
  const host = { ...parts, sweep: (safePoint: bigint) => sweeper.sweep(safePoint) };
  const worker = new GcWorker(env, host, config);
  return {
    start: () => worker.start(),
    stop: () => {
      // A sweep may wait long for Regions that have no leader.
      sweeper.close();
      return worker.stop();
    },
  };
}
