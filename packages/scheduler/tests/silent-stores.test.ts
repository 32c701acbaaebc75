/** How long a store has been silent is known to the next leader of the scheduler too. */
import { schedulerpb, tinykvadmin } from '@tinykv/proto';
import { beforeEach, expect, it } from 'vitest';
import { decodeCommand } from '../src/command.js';
import { Harness } from './support/harness.js';

const { Scheduler } = schedulerpb;
const DISCONNECTED_MS = 20_000;
const STEP_MS = 5_000;
let harness: Harness;

beforeEach(async () => {
  harness = new Harness({ storeDisconnectedMs: DISCONNECTED_MS });
  await harness.start();
  await harness.bootstrap();
  await harness.call(Scheduler.putStore, { store: { id: 2, address: 'store:2' } });
});

const beat = (storeId: number) => harness.call(Scheduler.storeHeartbeat, { stats: { storeId } });

/** Time goes by while these stores speak. */
async function pass(ms: number, ...speaking: number[]): Promise<void> {
  for (let gone = 0; gone < ms; gone += STEP_MS) {
    for (const id of speaking) await beat(id);
    await harness.clock.run(STEP_MS);
  }
}

async function silentMs(id: number): Promise<number | undefined> {
  const { stores } = await harness.send(tinykvadmin.Admin.getClusterStatus, {});
  return stores.find(({ store }) => store?.id === id)?.lastHeartbeatMs;
}

it('a store that was silent before a restart is still counted silent, from the time when it was last heard of', async () => {
  await pass(30_000, 1, 2);
  await pass(300_000, 1);
  await harness.start();
  await pass(DISCONNECTED_MS + STEP_MS, 1);
  const silent = await silentMs(2);
  expect(silent).toBeGreaterThan(300_000);
  expect(silent).toBeLessThan(350_000);
  expect(await silentMs(1)).toBeLessThan(10_000);
});

it('a store that was silent is given time to speak to a new leader', async () => {
  await pass(300_000, 1);
  await harness.start();
  await pass(DISCONNECTED_MS - STEP_MS, 1);
  expect(await silentMs(2)).toBeLessThanOrEqual(DISCONNECTED_MS);
});

it('a store that speaks again is fresh to the next leader', async () => {
  await pass(300_000, 1);
  expect(harness.group.state.silentSince.has(2)).toBe(true);
  await pass(30_000, 1, 2);
  expect(harness.group.state.silentSince.size).toBe(0);
  await harness.start();
  await pass(DISCONNECTED_MS + STEP_MS, 1);
  expect(await silentMs(2)).toBeLessThan(60_000);
});

it('a restart alone does not take a noted silence back', async () => {
  await pass(300_000, 1);
  for (let restart = 0; restart < 3; restart++) {
    await harness.start();
    await pass(15_000, 1);
  }
  await pass(15_000, 1);
  expect(await silentMs(2)).toBeGreaterThan(300_000);
});

it('while everybody speaks, nothing is written for it', async () => {
  await pass(30_000, 1, 2);
  const before = harness.log.entries.length;
  await pass(300_000, 1, 2);
  const kinds = harness.log.entries.slice(before).map(({ bytes }) => decodeCommand(bytes).type);
  expect(new Set(kinds)).toEqual(new Set(['save-tso']));
});

it('a store that became a tombstone is silent for good, and forgotten here', async () => {
  await pass(300_000, 1);
  for (const state of ['offline', 'tombstone'] as const) {
    const command = { type: 'set-store-state', storeId: 2, state } as const;
    await harness.clock.runUntil(harness.group.propose(command));
  }
  await pass(60_000, 1);
  expect(harness.group.state.silentSince.size).toBe(0);
});
