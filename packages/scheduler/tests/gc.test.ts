/** The GC safe point: who moves it, who holds it back, and that it never goes back. */
import { composeTimestamp } from '@tinykv/base';
import { type Init, schedulerpb, tinykvadmin } from '@tinykv/proto';
import { beforeEach, describe, expect, it } from 'vitest';
import { Harness } from './support/harness.js';

const { Scheduler } = schedulerpb;
const { Admin } = tinykvadmin;
const LIFE_MS = 600_000;

let harness: Harness;

beforeEach(async () => {
  harness = new Harness();
  await harness.start();
  await harness.bootstrap();
});

const at = (ms: number): bigint => composeTimestamp(ms, 0);
const now = (): number => harness.clock.wall();
const get = async (): Promise<bigint> =>
  (await harness.call(Scheduler.getGCSafePoint, {})).safePoint;
const update = async (safePoint: bigint): Promise<bigint> =>
  (await harness.call(Scheduler.updateGCSafePoint, { safePoint })).newSafePoint;
const state = () => harness.send(Admin.getGCState, {});
const hold = (request: Init<tinykvadmin.UpdateServiceGCSafePointRequest>) =>
  harness.send(Admin.updateServiceGCSafePoint, request);

describe('the safe point', () => {
  it('never goes back, whoever asks', async () => {
    expect(await get()).toBe(0n);
    expect(await update(2n ** 53n + 1n)).toBe(2n ** 53n + 1n);
    expect(await update(5n)).toBe(2n ** 53n + 1n);
    expect(await get()).toBe(2n ** 53n + 1n);
  });

  it('is never ahead of the cluster: it would refuse all readers for good', async () => {
    for (const ahead of [at(now() + 1_000), 2n ** 64n - 1n]) {
      await expect(update(ahead)).rejects.toMatchObject({ code: 'UNKNOWN' });
    }
    expect(await get()).toBe(0n);
  });

  it('moves by itself once the cluster is older than versions live', async () => {
    await harness.clock.run(590_000);
    expect(await get()).toBe(0n);
    await harness.clock.run(90_000);
    expect(await get()).toBeGreaterThan(at(now() - LIFE_MS - 65_000));
    expect(await get()).toBeLessThanOrEqual(at(now() - LIFE_MS));
  });

  it('goes on beside a wall clock that lags behind the timestamps of one that was ahead', async () => {
    await harness.clock.run(1_000);
    harness.clock.jumpWall(3_600_000);
    await harness.clock.run(1_000);
    const ahead = now();
    harness.clock.jumpWall(-3_600_000);
    await harness.start();
    await harness.clock.run(700_000);
    // By timestamps as many seconds have passed (at 63/64 of time); the wall clock lags by an hour still.
    const { safePoint } = await state();
    expect(safePoint).toBeGreaterThan(at(ahead));
    expect(safePoint).toBeLessThan(at(ahead + 700_000 - LIFE_MS));
    // And what a service is promised holds by the same time.
    expect(await hold({ serviceId: 'backup', safePoint, ttlMs: 60_000 })).toMatchObject({
      error: '',
    });
    expect((await state()).services).toMatchObject([{ serviceId: 'backup', safePoint }]);
    await harness.clock.run(70_000);
    expect((await state()).services).toEqual([]);
  });

  it('stays over restarts, changes of the leader and clocks that are set back', async () => {
    await harness.clock.run(700_000);
    const before = await state();
    expect(before.safePoint).toBeGreaterThan(0n);
    await harness.send(Admin.reportLocksResolved, { upTo: before.safePoint });
    harness.clock.jumpWall(-3_600_000);
    await harness.start();
    const restarted = await state();
    expect([restarted.safePoint, restarted.resolvedSafePoint]).toEqual([
      before.safePoint,
      before.safePoint,
    ]);
    await harness.clock.run(300_000);
    const after = await state();
    expect(after.safePoint).toBeGreaterThan(before.safePoint);
    expect(after.resolvedSafePoint).toBe(before.safePoint);
  });

  it('moves at the distance and as often as an operator says, at once and after a restart', async () => {
    const settings = { lifeTimeMs: 5_000, runIntervalMs: 2_000 };
    expect((await harness.send(Admin.setGC, settings)).error).toBe('');
    expect(await state()).toMatchObject(settings);
    await harness.clock.run(10_000);
    expect(await get()).toBeGreaterThan(at(now() - 9_000));
    await harness.start();
    expect(await state()).toMatchObject(settings);
    const refused = { lifeTimeMs: 1, runIntervalMs: 0 };
    const { error } = await harness.send(Admin.setGC, refused);
    expect(error).toBe('the run interval must be positive');
    await harness.send(Admin.setGC, { lifeTimeMs: 0, runIntervalMs: 2_000 });
    const stays = await get();
    await harness.clock.run(20_000);
    expect(await get()).toBe(stays);
  });
});

describe('resolved locks', () => {
  it('are never further than the safe point, and do not go back', async () => {
    await update(100n);
    await harness.send(Admin.reportLocksResolved, { upTo: 50n });
    expect((await state()).resolvedSafePoint).toBe(50n);
    await harness.send(Admin.reportLocksResolved, { upTo: 1_000n });
    await harness.send(Admin.reportLocksResolved, { upTo: 10n });
    expect((await state()).resolvedSafePoint).toBe(100n);
  });
});

describe('a service safe point', () => {
  it('holds back the safe point, whoever moves it, until the service lets go', async () => {
    const needed = at(now());
    expect((await hold({ serviceId: 'backup', safePoint: needed, ttlMs: 86_400_000 })).error).toBe(
      '',
    );
    await harness.clock.run(1_200_000);
    expect(await get()).toBe(needed);
    expect(await update(at(now()))).toBe(needed);
    const { services } = await state();
    expect(services).toMatchObject([{ serviceId: 'backup', safePoint: needed }]);
    await hold({ serviceId: 'backup', ttlMs: 0 });
    await harness.clock.run(61_000);
    expect(await get()).toBeGreaterThan(needed);
  });

  it('is kept over a restart, and the lowest of several counts', async () => {
    const needed = at(now());
    await hold({ serviceId: 'late', safePoint: needed + 9n, ttlMs: 86_400_000 });
    await hold({ serviceId: 'early', safePoint: needed, ttlMs: 86_400_000 });
    await harness.start();
    await harness.clock.run(1_200_000);
    expect(await get()).toBe(needed);
  });

  it('is forgotten when its time is over by the clock of the scheduler', async () => {
    const needed = at(now());
    await hold({ serviceId: 'dead', safePoint: needed, ttlMs: 900_000 });
    await harness.clock.run(890_000);
    expect(await get()).toBeLessThanOrEqual(needed);
    await harness.clock.run(120_000);
    expect((await state()).services).toEqual([]);
    expect(await get()).toBeGreaterThan(needed);
  });

  it('cannot ask for what is gone, nor go without a name', async () => {
    await update(100n);
    const late = await hold({ serviceId: 'late', safePoint: 99n, ttlMs: 1_000 });
    expect(late).toMatchObject({ safePoint: 100n, error: expect.stringContaining('below') });
    expect((await state()).services).toEqual([]);
    const nameless = await hold({ serviceId: '', safePoint: 200n, ttlMs: 1_000 });
    expect(nameless.error).toContain('a service id has 1 to');
    expect((await state()).services).toEqual([]);
  });
});
