import { fromUtf8, utf8 } from '@tinykv/base';
import { tinykvtxn } from '@tinykv/proto';
import { describe, expect, it } from 'vitest';
import type { StoreNode } from '../src/cluster/store-node.js';
import { Scenario } from './scenario.js';

const { unsafeDestroyRange } = tinykvtxn.Txn;
const KEYS = 200;
const key = (i: number): string => `gone/${String(i).padStart(3, '0')}`;

async function destroyAt(node: StoreNode, start: string, end: string): Promise<string> {
  const request = { startKey: utf8(start), endKey: utf8(end) };
  const handler = node.store!.services().unary.get(unsafeDestroyRange.path)!;
  const bytes = await handler(unsafeDestroyRange.request.encode(request), { address: 'test:0' });
  return unsafeDestroyRange.response.decode(bytes).error;
}

/** User keys under a prefix that a store holds, in whatever family. */
async function keysOf(node: StoreNode, prefix: string): Promise<string[]> {
  const all = await node.machine.engine.peek({ start: utf8(''), end: utf8('') });
  return all.map(([stored]) => fromUtf8(stored)).filter((text) => text.includes(prefix));
}

/** Barriers come from nothing but what the test does. */
const shape = { barrierIntervalMs: 600_000, stores: 3 };

async function written(name: string): Promise<Scenario> {
  const scenario = await Scenario.start(name, shape);
  const { node: leader } = scenario.leader();
  for (let i = 0; i < KEYS; i++) {
    expect(await scenario.wait(scenario.putAt(leader, key(i), 'x'))).toBe('ok');
  }
  expect(await scenario.wait(scenario.putAt(leader, 'kept', 'x'))).toBe('ok');
  return scenario;
}

describe('destroyed_range_stays_destroyed', () => {
  it.each([1, 2, 3, 4, 5])('all stores are killed behind the answer (%i)', async (seed) => {
    const scenario = await written(`destroyed range ${seed}`);
    const { stores } = scenario.cluster;
    const answers = stores.map((store) => destroyAt(store, 'gone/', 'gone0'));
    expect(await scenario.wait(Promise.all(answers))).toEqual(['', '', '']);
    for (const store of stores) store.crash();
    await Promise.all(stores.map((store) => store.start()));
    await scenario.until('a leader', () => scenario.findLeader() !== undefined);
    await scenario.run(2_000);
    for (const store of stores) {
      expect(await keysOf(store, 'gone/')).toEqual([]);
      expect(await keysOf(store, 'kept')).toHaveLength(1);
    }
  });

  it.each([0, 1, 2, 4, 8, 16])(
    'a store is killed %i ms behind the request: it loses nothing else, and keeps what it answered',
    async (ms) => {
      const scenario = await written(`destroyed range, killed after ${ms} ms`);
      const { node: victim } = scenario.leader();
      let answer: string | undefined;
      void destroyAt(victim, 'gone/', 'gone0').then((error) => {
        answer = error;
      });
      await scenario.run(ms);
      victim.crash();
      await victim.start();
      await scenario.until('it is back', () => scenario.cluster.peers().length === 3);
      await scenario.run(2_000);
      expect(await keysOf(victim, 'kept')).toHaveLength(1);
      const left = await keysOf(victim, 'gone/');
      if (answer === '') expect(left).toEqual([]);
      // A leader that has wiped some of the range and is killed has answered nothing, and may hold the rest.
      else expect(left.length).toBeLessThanOrEqual(KEYS);
    },
  );
});
