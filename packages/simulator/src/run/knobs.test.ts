import { limits } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { enforceLimits, restoreLimits } from '../cluster/limits-in-force.js';
import type { Limits } from '../cluster/settings.js';
import { apiOf, gatewayConfig, schedulerConfig, storeConfig } from '../cluster/sim-config.js';
import { knobs } from './knobs.js';
import { drawPlan, type Plan, workloadNames } from './plan.js';

const SEEDS = 300;

const plans: readonly Plan[] = workloadNames.flatMap((workload) =>
  Array.from({ length: SEEDS }, (_, seed) => drawPlan({ seed, profile: 'swarm', workload })),
);

function counts(of: (plan: Plan) => unknown): Map<unknown, number> {
  const found = new Map<unknown, number>();
  for (const plan of plans) found.set(of(plan), (found.get(of(plan)) ?? 0) + 1);
  return found;
}

describe('knobs', () => {
  it('are each turned in some seeds, and none but the first ones in all', () => {
    for (const { sets, name, share } of knobs) {
      const turned = plans.filter(({ shape }) => {
        if (sets === 'shape' || sets === 'pace') return true;
        return Object.keys(shape.settings?.[sets] ?? {}).length > 0;
      });
      expect(turned.length, `${sets} ${name}`).toBeGreaterThan(0);
      expect(share, `${sets} ${name}`).toBeLessThanOrEqual(1);
    }
    const named = new Set(plans.flatMap(({ shape }) => Object.keys(shape.settings?.limits ?? {})));
    const lines = knobs.filter(({ sets, name }) => sets === 'limits' && name in limits);
    expect([...named]).toEqual(expect.arrayContaining(lines.map(({ name }) => name)));
  });

  it('draw 3, 4 and 5 stores, and 1, 3 and 5 replicas with stores enough for them', () => {
    expect([...counts(({ shape }) => shape.stores).keys()].sort()).toEqual([3, 4, 5]);
    const replicas = counts(({ shape }) => schedulerConfig('', shape).maxReplicas);
    expect([...replicas.keys()].sort()).toEqual([1, 5, undefined]);
    for (const { shape } of plans) {
      expect(shape.settings?.scheduler?.maxReplicas ?? 3).toBeLessThanOrEqual(shape.stores);
    }
  });

  it('draw each engine in its share of the seeds', () => {
    const engines = counts(({ shape }) => shape.engine ?? 'model');
    const share = (kind: string): number => (engines.get(kind) ?? 0) / plans.length;
    expect(share('log')).toBeCloseTo(0.4, 1);
    expect(share('level')).toBeCloseTo(0.3, 1);
    expect(share('model')).toBeCloseTo(0.3, 1);
  });

  it('draw the raw layout for the raw workload alone', () => {
    const layouts = counts(({ workload, shape }) => `${workload} ${apiOf(shape)}`);
    expect(layouts.get('raw raw')).toBeGreaterThan(SEEDS / 5);
    expect(layouts.get('raw txn')).toBeGreaterThan(SEEDS / 5);
    expect([...layouts.keys()].filter((name) => `${name}`.endsWith(' raw'))).toEqual(['raw raw']);
  });

  it('draw clients that never pause, and keys of which some are hot', () => {
    expect(counts(({ thinkMs }) => thinkMs === 0).get(true)).toBeGreaterThan(5);
    expect(counts(({ skew }) => (skew ?? 1) > 2).get(true)).toBeGreaterThan(100);
  });

  it('are kept in a plan: its text gives the same plan again', () => {
    for (const plan of plans.slice(0, 20)) expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  });

  it('keep to what the programs take', () => {
    for (const { shape, seed, workload } of plans) {
      const of = `seed ${seed} ${workload}`;
      const { replica, ...store } = storeConfig('a:1', shape);
      const scheduler = schedulerConfig('a:1', shape);
      const gateway = gatewayConfig(shape);
      expect(replica.electionTicks, of).toBeGreaterThanOrEqual(3 * replica.heartbeatTicks);
      expect(store.regionSplitBytes, of).toBeLessThanOrEqual(store.regionMaxBytes);
      expect(scheduler.tsoSaveIntervalMs, of).toBeGreaterThanOrEqual(200);
      expect(scheduler.scheduleIntervalMinMs, of).toBeLessThan(scheduler.scheduleIntervalMaxMs!);
      expect(2 * store.storeHeartbeatMs, of).toBeLessThanOrEqual(scheduler.storeDisconnectedMs!);
      expect(gateway.epochRenewMs, of).toBeLessThan(gateway.epochLeaseMs);
      const lowered = Object.values(shape.settings?.limits ?? {});
      expect(lowered.every((value) => Number.isSafeInteger(value) && value > 0)).toBe(true);
    }
  });

  /** Each pair: what must fit, and what it must fit into, as the product has it. */
  it.each<readonly [keyof Limits, keyof Limits]>([
    ['entryCommandsMax', 'regionPendingCommandsMax'],
    ['keyBytesMax', 'entryBatchBytesMax'],
    ['scanPageKeys', 'clientScanPageKeys'],
    ['scanPageKeys', 'mvccVersionsMax'],
    ['tsoInflightMax', 'tsoStreamPendingMax'],
    ['clientBatchGetKeysMax', 'batchGetKeysMax'],
    ['clientParallelBatchesMax', 'clientParallelRequestsMax'],
    ['batchStreamItemsMax', 'batchStreamInflightMax'],
    ['commandPartKeys', 'commandKeysMax'],
  ])('keep %s < %s', (small, large) => {
    const broken = plans.filter(({ shape }) => {
      const inForce = { ...limits, ...shape.settings?.limits };
      return inForce[small] >= inForce[large];
    });
    expect(broken).toEqual([]);
  });
});

describe('limits in force', () => {
  it('are those of the product again when a run is over', () => {
    const before = { ...limits };
    const former = enforceLimits({ scanPageKeys: 3, lockWaitsMax: 1 });
    expect(limits.scanPageKeys).toBe(3);
    restoreLimits(former);
    expect(limits).toEqual(before);
  });
});
