import { utf8 } from '@tinykv/base';
import { expect, it, vi } from 'vitest';
import { Oracles } from '../src/run/oracles.js';
import { SimLogFiles } from '../src/world/sim-log-files.js';
import { Scenario } from './scenario.js';

/** A few writes, a change of leaders and a barrier: promises of all kinds. */
async function work(scenario: Scenario): Promise<void> {
  const client = scenario.cluster.clients[0]!.client!;
  for (let i = 0; i < 5; i++) {
    await scenario.wait(client.raw.put(utf8(`k${i}`), utf8('v')));
  }
  // All voters have the whole log: which of them is the heir then depends on no message's delay.
  await scenario.run(100);
  const heir = scenario.transferLeader();
  await scenario.untilLeads(heir);
  await scenario.wait(client.raw.put(utf8('after'), utf8('v')));
  await scenario.run(3_000);
}

/** All logs are known once each store has started again. */
async function restartAll(scenario: Scenario): Promise<void> {
  for (const node of scenario.cluster.stores) {
    node.crash();
    await scenario.run(100);
    await node.start();
    await scenario.until('a leader', () => scenario.findLeader() !== undefined && node.up);
  }
  await scenario.run(2_000);
}

it('promises of stores and timestamps are compared with the disks, and kept', async () => {
  const scenario = await Scenario.start('promises');
  const oracles = new Oracles();
  oracles.watch(scenario.cluster);
  await restartAll(scenario);
  await work(scenario);
  expect(oracles.violations).toEqual([]);
  const { ack, vote, applied, timestamp } = oracles.compared;
  expect(ack).toBeGreaterThan(5);
  expect(vote).toBeGreaterThan(0);
  expect(applied).toBeGreaterThan(0);
  const client = scenario.cluster.clients[0]!.client!;
  await scenario.wait(client.scheduler.tso(1));
  expect(oracles.compared.timestamp).toBeGreaterThan(timestamp);
});

it('an append that ends without a sync is convicted', async () => {
  const scenario = await Scenario.start('no sync');
  const oracles = new Oracles();
  oracles.watch(scenario.cluster);
  let writes = 0;
  const unsynced = vi
    .spyOn(SimLogFiles.prototype, 'unsynced', 'get')
    .mockImplementation(() => writes++);
  await work(scenario);
  unsynced.mockRestore();
  expect(oracles.violations.map(({ oracle }) => oracle)).toContain('durable');
});
