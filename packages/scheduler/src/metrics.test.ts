import { fakeEnv } from '@tinykv/base/testing';
import { expect, it } from 'vitest';
import { region, report, world } from '../tests/support/world.js';
import { defaultSchedulerConfig } from './config.js';
import { ClusterMetrics } from './metrics.js';

it('the gauges of a store that has become a tombstone fall to nothing', () => {
  const { clock, cluster, state } = world(2);
  const env = fakeEnv({ clock });
  const metrics = new ClusterMetrics(env, cluster, defaultSchedulerConfig);
  metrics.start();
  cluster.onRegionHeartbeat(report(region(1, 0, 0, [1, 2])));
  clock.advance(10_000);
  const value = (store: string, type: string): number =>
    env.metrics.value('pd_scheduler_store_status', {
      address: `127.0.0.1:2000${store}`,
      store,
      type,
    });
  expect([value('1', 'region_count'), value('2', 'region_count')]).toEqual([1, 1]);
  state.apply({ type: 'set-store-state', storeId: 2, state: 'offline' });
  state.apply({ type: 'set-store-state', storeId: 2, state: 'tombstone' });
  clock.advance(10_000);
  expect([value('1', 'region_count'), value('2', 'region_count')]).toEqual([1, 0]);
  metrics.stop();
});
