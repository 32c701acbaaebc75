import { fromUtf8, utf8 } from '@tinykv/base';
import { family } from '@tinykv/model';
import { describe, expect, it } from 'vitest';
import type { StoreNode } from '../src/cluster/store-node.js';
import { Scenario } from './scenario.js';

const TTL_MS = 2_000;

/** Keys of the records that a store holds of raw keys and their expiries. */
async function stored(node: StoreNode): Promise<string[]> {
  const range = { start: Uint8Array.of(family.raw), end: Uint8Array.of(family.expiry + 1) };
  const all = await node.machine.engine.peek(range);
  return all.map(([key]) => fromUtf8(key.slice(1)));
}

describe('a raw key with a time to live', () => {
  it('that was seen to be gone stays gone at the next leader, whose scheduler has gone back in time', async () => {
    const scenario = await Scenario.start('raw ttl over a leader change', { stores: 3 });
    const client = scenario.cluster.clients[0]!.client!;
    await scenario.wait(client.raw.put(utf8('k'), utf8('v'), { ttlMs: TTL_MS }));
    expect(await scenario.wait(client.raw.get(utf8('k')))).toBeDefined();
    // Timestamps move on by ticks of 50 ms.
    await scenario.run(TTL_MS + 100);
    expect(await scenario.wait(client.raw.get(utf8('k')))).toBeUndefined();
    scenario.cluster.scheduler.machine.clock.jumpWall(-60_000);
    await scenario.untilLeads(scenario.transferLeader());
    expect(await scenario.wait(client.raw.get(utf8('k')))).toBeUndefined();
  });

  it('is removed from all stores though nobody reads it, and the newer put of another stays', async () => {
    const scenario = await Scenario.start('raw ttl without readers', { stores: 3 });
    const client = scenario.cluster.clients[0]!.client!;
    await scenario.wait(client.raw.put(utf8('k'), utf8('v'), { ttlMs: TTL_MS }));
    await scenario.wait(client.raw.put(utf8('l'), utf8('v'), { ttlMs: TTL_MS }));
    await scenario.wait(client.raw.put(utf8('l'), utf8('w')));
    const { stores } = scenario.cluster;
    await scenario.run(500);
    // What said when the former value of l expires may be gone already.
    for (const store of stores) {
      expect([3, 4]).toContain((await stored(store)).length);
    }
    await scenario.run(TTL_MS + 3_000);
    for (const store of stores) expect(await stored(store)).toHaveLength(1);
    expect(await scenario.wait(client.raw.get(utf8('l')))).toEqual(utf8('w'));
  });

  it('counts on while the scheduler is away', async () => {
    const scenario = await Scenario.start('raw ttl without a scheduler', { stores: 3 });
    const client = scenario.cluster.clients[0]!.client!;
    await scenario.wait(client.raw.put(utf8('k'), utf8('v'), { ttlMs: TTL_MS }));
    scenario.cluster.scheduler.crash();
    await scenario.run(TTL_MS / 4);
    expect(await scenario.wait(client.raw.get(utf8('k')))).toBeDefined();
    await scenario.run(TTL_MS);
    expect(await scenario.wait(client.raw.get(utf8('k')))).toBeUndefined();
  });
});
