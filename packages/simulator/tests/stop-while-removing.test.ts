import { expect, it } from 'vitest';
import { Scenario } from './scenario.js';

it('a store that is told to stop while a peer of it is being removed ends without an error', async () => {
  const shape = { stores: 4, engine: 'log', diskDelayMs: 20 } as const;
  const scenario = await Scenario.start('stop while removing', shape);
  const { stores, clients, scheduler } = scenario.cluster;
  const member = stores.find(({ store }) =>
    store?.regions().some(({ role }) => role === 'StateFollower'),
  )!;
  const regions = (): number => member.store?.regions().length ?? 0;
  expect(regions()).toBe(1);
  // It does not hear that it is removed, and learns later that it was.
  const others = [...stores, scheduler].filter((node) => node !== member);
  for (const node of others) {
    scenario.cut(node, member);
    scenario.cut(member, node);
  }
  const { admin } = clients[0]!.client!.scheduler;
  await scenario.wait(admin.setStoreState(member.storeId!, 'offline'));
  await scenario.until(
    'its peer is replaced',
    () =>
      scenario.cluster
        .peers()
        .filter(({ node }) => node !== member)
        .every(({ status }) => status.region.peers.every((p) => p.storeId !== member.storeId)),
    120_000,
  );
  let stopped: Promise<boolean> | undefined;
  member.atPoint = (name) => {
    // The tombstone is durable, the data is to be wiped.
    if (name === 'death-recorded') stopped ??= member.stop();
  };
  for (const node of others) {
    scenario.heal(node, member);
    scenario.heal(member, node);
  }
  await scenario.until('the store is told to stop', () => stopped !== undefined, 120_000);
  expect(await scenario.wait(stopped!)).toBe(true);
});
