import { keyString } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { keysInHalves } from './region-keys.js';
import { describeShape, TxnKeys } from './txn-work.js';

const CLIENTS = 4;

/** Names of all keys that a client draws, by list. */
function drawn(keys: TxnKeys, client: number): [Set<string>, Set<string>] {
  const names: [Set<string>, Set<string>] = [new Set(), new Set()];
  for (let i = 0; i < 500; i++) {
    const pair = keys.draw(client);
    for (const [at, key] of pair.entries()) names[at]!.add(keyString(key));
  }
  return names;
}

describe('keys of transactions', () => {
  const lists = keysInHalves({ keys: 50, valueBytes: 1 });
  const shared = keyString(lists.first[0]!);

  it('belong to one client each, one from either list', () => {
    const keys = new TxnKeys(lists, 0, CLIENTS);
    const all = Array.from({ length: CLIENTS }, (_, client) => drawn(keys, client));
    for (const [at, list] of [lists.first, lists.second].entries()) {
      const sizes = all.map((names) => names[at]!.size);
      const together = new Set(all.flatMap((names) => [...names[at]!]));
      expect(Math.min(...sizes)).toBeGreaterThan(1);
      expect(together.size).toBe(sizes.reduce((sum, size) => sum + size, 0));
      expect(list.map(keyString)).toEqual(expect.arrayContaining([...together]));
    }
    expect(all.some(([first]) => first.has(shared))).toBe(false);
  });

  it('are the shared one as often as asked for', () => {
    const always = new TxnKeys(lists, 100, CLIENTS);
    expect([...drawn(always, 2)[0]]).toEqual([shared]);
    const atTimes = drawn(new TxnKeys(lists, 50, CLIENTS), 2)[0];
    expect(atTimes.has(shared)).toBe(true);
    expect(atTimes.size).toBeGreaterThan(1);
  });

  it('may be fewer than clients', () => {
    const few = new TxnKeys(keysInHalves({ keys: 2, valueBytes: 1 }), 0, 64);
    expect(few.draw(63)).toHaveLength(2);
  });
});

it('a shape is told by what is not usual', () => {
  expect(describeShape({ mode: '1pc', conflict: 10, regions: 2 })).toBe('1pc c10 r2');
  expect(describeShape({ mode: undefined, conflict: 0, regions: 1 })).toBe('');
});
