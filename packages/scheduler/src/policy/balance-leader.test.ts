import { Prng } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { MockView, mockConfig } from '../../tests/support/mock-view.js';
import { info, region, voter } from '../../tests/support/world.js';
import { balanceLeader } from './balance-leader.js';
import type { PolicyConfig } from './view.js';

function schedule(view: MockView, config: PolicyConfig = mockConfig): string | undefined {
  const plan = balanceLeader(view, new Prng(3), config);
  return plan?.type === 'transfer-leader'
    ? `${plan.region.id}: ${plan.from}->${plan.to}`
    : undefined;
}

/** Leaders per store; Region 1 is led by the first of its stores. */
function leaders(...counts: number[]): MockView {
  const view = new MockView(3);
  for (const [i, count] of counts.entries()) view.setStore(i + 1, count);
  return view;
}

describe('balance-leader', () => {
  it('moves a leader when the difference reaches the tolerance: 10 is TinyKV’s', () => {
    const view = leaders(16, 7, 9);
    view.putRegion(info(region(1, 0, 0, [1, 2, 3])));
    expect(schedule(view)).toBeUndefined();
    view.setStore(2, 6);
    expect(schedule(view)).toBe('1: 1->2');
  });

  it('with a tolerance of 2 evens out small clusters', () => {
    const config = { ...mockConfig, leaderTolerance: 2 };
    const view = leaders(3, 2, 2);
    view.putRegion(info(region(1, 0, 0, [1, 2, 3])));
    expect(schedule(view, config)).toBeUndefined();
    view.setStore(3, 1);
    expect(schedule(view, config)).toBe('1: 1->3');
  });

  it('looks from the empty end too: a store whose Regions others lead gets one', () => {
    const view = leaders(20, 30, 5);
    view.setStore(4, 20);
    // Store 2 has most leaders, but none that store 3 could take.
    view.putRegion(info(region(1, 0, 5, [1, 3])));
    view.putRegion(info(region(2, 5, 0, [2, 4, 1])));
    view.busyRegions.add(2);
    expect(schedule(view)).toBe('1: 1->3');
  });

  it.each([
    ['silent', { silentMs: 20_001 }],
    ['busy', { isBusy: true }],
    ['offline', { state: 'offline' }],
    ['a tombstone', { state: 'tombstone' }],
  ] as const)('gives nothing to a store that is %s', (_case, change) => {
    const view = leaders(30, 10);
    view.putRegion(info(region(1, 0, 0, [1, 2])));
    expect(schedule(view)).toBe('1: 1->2');
    view.setStore(2, 10, change);
    expect(schedule(view)).toBeUndefined();
  });

  it('takes leaders from a store that is being drained', () => {
    const view = leaders(30, 10);
    view.putRegion(info(region(1, 0, 0, [1, 2])));
    view.setStore(1, 30, { state: 'offline' });
    expect(schedule(view)).toBe('1: 1->2');
  });

  it('leaves alone Regions with peers that are pending, down, learners, or under way', () => {
    const view = leaders(30, 10);
    const of = region(1, 0, 0, [1, 2]);
    view.putRegion(info(of, { pendingPeers: [voter(12, 2)] }));
    expect(schedule(view)).toBeUndefined();
    view.putRegion(info(of, { downPeers: [voter(12, 2)] }));
    expect(schedule(view)).toBeUndefined();
    view.putRegion(info({ ...of, peers: [of.peers[0]!, { ...of.peers[1]!, learner: true }] }));
    expect(schedule(view)).toBeUndefined();
    view.putRegion(info(of));
    view.busyRegions.add(1);
    expect(schedule(view)).toBeUndefined();
  });
});
