import { describe, expect, it } from 'vitest';
import { drawPlan, type Plan } from '../run/plan.js';
import { shrinkPlan } from './shrink-plan.js';

const plan = drawPlan({ seed: 8, profile: 'swarm', workload: 'all' });

async function shrink(fails: (plan: Plan) => boolean): Promise<Plan> {
  expect(fails(plan)).toBe(true);
  const small = await shrinkPlan(plan, async (candidates) => candidates.find(fails));
  expect(fails(small)).toBe(true);
  return small;
}

describe('shrinkPlan', () => {
  it('reduces a plan that always fails to almost nothing', async () => {
    const small = await shrink(() => true);
    expect(small.faults).toEqual([]);
    expect(small.shape).toMatchObject({ stores: 1, clients: 1, gateways: 1 });
    expect(small.network).toMatchObject({ lossRate: 0, duplicateRate: 0, reorderRate: 0 });
    expect(small).toMatchObject({ seed: 8, durationMs: 1_000, keys: 2, workload: 'raw' });
  });

  it('keeps the faults, nodes and time that are needed, at round times', async () => {
    const kind = plan.faults[3]!.kind;
    const needed = plan.faults.filter((fault) => fault.kind === kind).length;
    const small = await shrink(
      ({ faults, shape, durationMs }) =>
        faults.filter((fault) => fault.kind === kind).length === needed &&
        shape.stores >= 3 &&
        durationMs >= 10_000,
    );
    expect(small.faults.map((fault) => fault.kind)).toEqual(new Array(needed).fill(kind));
    expect(small.shape.stores).toBe(3);
    expect(small.durationMs).toBeLessThanOrEqual(plan.durationMs);
    for (const { at } of small.faults) expect(at % 1_000).toBe(0);
  });

  it('keeps the exact time of a fault when only that fails', async () => {
    const [first] = plan.faults;
    const small = await shrink(({ faults }) => faults.some(({ at }) => at === first!.at));
    expect(small.faults.map(({ at }) => at)).toEqual([first!.at]);
  });

  it('leaves out the steps that a failure does not need', async () => {
    const needed = [3, 40, 41, 700];
    const small = await shrink(
      ({ steps }) =>
        steps === undefined ||
        needed.every((step) => steps.some(([from, to]) => step >= from && step < to)),
    );
    const left = (small.steps ?? []).reduce((sum, [from, to]) => sum + to - from, 0);
    expect(left).toBeLessThan(16);
  });

  it('leaves out the settings that a failure does not need', async () => {
    const settings = { limits: { scanPageKeys: 2, lockWaitsMax: 1 }, gateway: { sweepMs: 50 } };
    const turned: Plan = { ...plan, shape: { ...plan.shape, settings } };
    const fails = ({ shape }: Plan): boolean => shape.settings?.limits?.lockWaitsMax === 1;
    const small = await shrinkPlan(turned, async (candidates) => candidates.find(fails));
    expect(small.shape.settings).toEqual({ limits: { lockWaitsMax: 1 } });
  });

  it('tries no plan twice', async () => {
    const tried = new Set<string>();
    await shrinkPlan(plan, async (candidates) => {
      for (const candidate of candidates) {
        expect(tried.has(JSON.stringify(candidate))).toBe(false);
        tried.add(JSON.stringify(candidate));
      }
      return undefined;
    });
    expect(tried.size).toBeGreaterThan(plan.faults.length);
  });
});
