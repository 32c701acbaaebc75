import { fromUtf8, utf8 } from '@tinykv/base';
import { beforeAll, describe, expect, it } from 'vitest';
import type { FormerCluster } from '../src/cluster/cluster.js';
import type { EngineKind } from '../src/world/machine-engine.js';
import { formerCluster } from './former-folders.js';
import { Scenario } from './scenario.js';

const COUNT = 60;

const keyOf = (i: number): string => `old:${String(i).padStart(3, '0')}`;

/** The keys of the folders' README, in order. */
const expected: readonly [string, string][] = [
  ...Array.from({ length: COUNT }, (_, i) => i)
    .filter((i) => i % 7 !== 0)
    .map((i): [string, string] => [keyOf(i), `value ${i} `.repeat(i % 10 === 9 ? 60 : 3)]),
  ['old:count', `${COUNT}`],
];

let former: FormerCluster;
beforeAll(async () => {
  former = await formerCluster(2);
});

/** All pairs of transactions whose keys begin as those of the folder. */
async function readAll(scenario: Scenario): Promise<[string, string][]> {
  const client = scenario.cluster.clients[0]?.client;
  if (client === undefined) throw new Error('the client has not started');
  const txn = await scenario.wait(client.txn.begin());
  const options = { end: utf8('old;'), limit: 2 * COUNT };
  const pairs = await scenario.wait(txn.scan(utf8('old:'), options));
  return pairs.map(({ key, value }) => [fromUtf8(key), fromUtf8(value)]);
}

async function restart(name: string, engine: EngineKind): Promise<Scenario> {
  const scenario = Scenario.restart(name, former, { engine });
  await scenario.until('all three stores have all Regions', () => {
    const { stores, clients } = scenario.cluster;
    const counts = stores.map(({ store }) => store?.regions().length ?? 0);
    const first = scenario.cluster.stores[0]!.store?.regions() ?? [];
    return (
      clients.every(({ up }) => up) &&
      Math.min(...counts) >= 7 &&
      first.every(({ region }) => region.peers.filter(({ learner }) => !learner).length === 3)
    );
  });
  return scenario;
}

describe('a cluster whose folders have the former format', { timeout: 120_000 }, () => {
  it('has locks of a dead client in them', () => {
    const values = former.store.entries.map(([, value]) => Buffer.from(value).toString('latin1'));
    expect(values.filter((value) => value.includes('never committed'))).not.toEqual([]);
  });

  it.each(['model', 'log', 'level'] as const)(
    'serves all that was written, with the engine %s, and gives it to new stores',
    async (engine) => {
      const scenario = await restart(`former-${engine}`, engine);
      expect(await readAll(scenario)).toEqual(expected);
      // The first store is gone: what is read now has come to the others as snapshots.
      scenario.cluster.stores[0]!.retire();
      await scenario.run(5_000);
      expect(await readAll(scenario)).toEqual(expected);
    },
  );

  it('goes on writing, and keeps that and what it had over a power cut of all', async () => {
    const scenario = await restart('former-writes', 'log');
    const { client } = scenario.cluster.clients[0]!;
    await scenario.wait(
      client!.txn.run(async (txn) => txn.put(utf8('old:000'), utf8('written again'))),
    );
    const { scheduler, stores } = scenario.cluster;
    for (const node of [scheduler, ...stores]) node.crash();
    for (const node of [scheduler, ...stores]) await node.start();
    await scenario.run(5_000);
    expect(await readAll(scenario)).toEqual([['old:000', 'written again'], ...expected]);
  });
});
