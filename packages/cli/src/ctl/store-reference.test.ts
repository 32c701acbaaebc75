import type { StoreStatus } from '@tinykv/client';
import type { StoreState } from '@tinykv/model';
import { expect, it } from 'vitest';
import { namesById } from './store-reference.js';

const store = (id: number, address: string, state: StoreState) =>
  ({ store: { id, address, state } }) as StoreStatus;
const names = new Map([
  ['a:1', 'store-1'],
  ['b:1', 'store-2'],
]);

it('a tombstone keeps its name until another store has its address', () => {
  const before = [store(1, 'a:1', 'tombstone'), store(2, 'b:1', 'up'), store(3, 'c:1', 'up')];
  expect([...namesById(before, names)]).toEqual([
    [1, 'store-1'],
    [2, 'store-2'],
  ]);
  const after = [...before, store(4, 'a:1', 'offline')];
  expect([...namesById(after, names)]).toEqual([
    [2, 'store-2'],
    [4, 'store-1'],
  ]);
});
