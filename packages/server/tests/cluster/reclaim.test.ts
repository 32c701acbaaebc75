import { type KeyRange, rangesOverlap, regionRanges } from '@tinykv/model';
import { afterEach, expect, it } from 'vitest';
import { TestCluster } from './harness.js';

let cluster: TestCluster;

afterEach(async () => {
  expect(cluster.fatals).toEqual([]);
  await cluster.stop();
});

/** Ranges of a store's engine whose space is asked back from now on. */
function watch(at: number): KeyRange[] {
  const asked: KeyRange[] = [];
  const { engine } = cluster.nodes[at]!;
  const reclaim = engine.reclaim.bind(engine);
  engine.reclaim = (start, end) => {
    asked.push({ start, end });
    return reclaim(start, end);
  };
  return asked;
}

it('a store asks the space of a Region back that has moved away, one that keeps it does not', async () => {
  cluster = await TestCluster.start({ stores: 2 });
  const { id, range } = cluster.regionOf('');
  await cluster.addPeer(id, 1);
  await cluster.put('k', 'v');
  const [kept, left] = [watch(0), watch(1)];
  await cluster.removePeer(id, 1);
  await cluster.until('the space is asked back', () => left.length > 0);
  for (const family of regionRanges('txn', range))
    expect(left.some((asked) => rangesOverlap(asked, family))).toBe(true);
  expect(kept).toEqual([]);
});

it('a store asks the space back of a Region most of whose keys were deleted', async () => {
  cluster = await TestCluster.start({ stores: 1 });
  const [node] = cluster.nodes;
  const region = cluster.regionOf('');
  await cluster.put('k', 'v');
  const asked = watch(0);
  const context = cluster.context(region, 0);
  for (let i = 0; i < 1_000; i += 100) {
    const keys = Array.from({ length: 100 }, (_, j) => Buffer.from(`k${i + j}`));
    const deletes = keys.map((key) => node!.raw!.delete(context, 'default', key));
    for (const result of await cluster.clock.runUntil(Promise.all(deletes)))
      expect(result.ok).toBe(true);
  }
  expect(asked).toEqual([]);
  await cluster.clock.run(310_000);
  expect(asked).toHaveLength(regionRanges('txn', region.range).length);
  await cluster.clock.run(310_000);
  expect(asked).toHaveLength(regionRanges('txn', region.range).length);
});
