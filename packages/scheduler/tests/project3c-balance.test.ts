/** TinyKV's course tests of stage 3C for balance-region, by their names. */
import { Prng } from '@tinykv/base';
import { describe, expect, test } from 'vitest';
import { priorities } from '../src/operator.js';
import { buildOperator } from '../src/operator-builder.js';
import { balanceRegion } from '../src/policy/balance-region.js';
import type { RegionInfo } from '../src/policy/view.js';
import { MockView, mockConfig } from './support/mock-view.js';
import { info, MIB, region } from './support/world.js';

const purpose = { desc: 'balance-region', kind: 'balance', priority: priorities.normal } as const;

/** A Region of weight 10, as TinyKV's mock has it. */
function tenMib(id: number, stores: readonly number[], pendingStore?: number): RegionInfo {
  const of = region(id, id, id + 1, stores);
  const pendingPeers = of.peers.filter((peer) => peer.storeId === pendingStore);
  return info(of, { approximateBytes: 10 * MIB, pendingPeers });
}

/** The steps of the operator that the policy comes to, in short. */
function schedule(view: MockView): string | undefined {
  const plan = balanceRegion(view, new Prng(1), mockConfig);
  if (plan === undefined) return undefined;
  const operator = buildOperator(plan, purpose, 1000, false, () => true);
  const steps = operator.steps.map((step) => {
    if (step.type === 'transfer-leader') return `lead ${step.from}->${step.to}`;
    return `${step.type === 'add-peer' ? '+' : '-'}${'storeId' in step ? step.storeId : ''}`;
  });
  return `${operator.regionId}: ${steps.join(' ')}`;
}

describe('project 3C: balance-region', () => {
  test('TestReplicas13C', () => {
    const view = new MockView(1);
    for (const [id, count] of [
      [1, 6],
      [2, 8],
      [3, 8],
      [4, 16],
    ] as const)
      view.setStore(id, count);
    view.putRegion(tenMib(1, [4]));
    expect(schedule(view)).toBe('1: +1 lead 4->1 -4');

    // An offline store takes nothing.
    view.setStore(1, 6, { state: 'offline' });
    view.setStore(2, 6);
    expect(schedule(view)).toBe('1: +2 lead 4->2 -4');

    // A Region with fewer peers than it should have is left to the replica checker.
    view.maxReplicas = 3;
    expect(schedule(view)).toBeUndefined();
    view.maxReplicas = 1;
    expect(schedule(view)).toBe('1: +2 lead 4->2 -4');
  });

  test('TestReplicas33C', () => {
    const view = new MockView(3);
    for (const [id, count] of [
      [1, 16],
      [2, 15],
      [3, 14],
    ] as const)
      view.setStore(id, count);
    view.putRegion(tenMib(1, [1, 2, 3]));
    // There is nowhere to go.
    expect(schedule(view)).toBeUndefined();

    view.setStore(4, 2);
    expect(schedule(view)).toBe('1: +4 lead 1->2 -1');

    // Silent for longer than the store may be down.
    view.setStore(4, 2, { silentMs: mockConfig.maxStoreDownMs + 1 });
    expect(schedule(view)).toBeUndefined();
    view.setStore(5, 2);
    expect(schedule(view)).toBe('1: +5 lead 1->2 -1');

    // The emptiest store is preferred.
    view.setStore(6, 1);
    expect(schedule(view)).toBe('1: +6 lead 1->2 -1');

    // A difference of no more than two Regions is not worth a move.
    view.setStore(5, 14);
    view.setStore(6, 14);
    expect(schedule(view)).toBeUndefined();
    view.setStore(6, 13);
    expect(schedule(view)).toBe('1: +6 lead 1->2 -1');
  });

  test('TestReplicas53C', () => {
    const view = new MockView(5);
    for (const [id, count] of [
      [1, 4],
      [2, 5],
      [3, 6],
      [4, 7],
      [5, 28],
    ] as const) {
      view.setStore(id, count);
    }
    view.putRegion(tenMib(1, [1, 2, 3, 4, 5]));
    expect(schedule(view)).toBeUndefined();
    view.setStore(6, 1);
    expect(schedule(view)).toBe('1: +6 -5');
    view.setStore(7, 5);
    expect(schedule(view)).toBe('1: +6 -5');
    view.setStore(1, 2);
    view.setStore(6, 1, { state: 'tombstone' });
    expect(schedule(view)).toBe('1: +7 -5');
  });

  test('TestReplacePendingRegion3C', () => {
    const view = new MockView(3);
    for (const [id, count] of [
      [1, 16],
      [2, 7],
      [3, 15],
      [4, 10],
    ] as const) {
      view.setStore(id, count);
    }
    view.putRegion(tenMib(1, [1, 2, 3]));
    view.putRegion(tenMib(2, [1, 2, 3]));
    view.putRegion(tenMib(3, [2, 1, 3], 1));
    // Of the fullest store the Region goes whose peer still waits for its data, and only to store 4.
    expect(schedule(view)).toBe('3: +4 -1');
  });
});
