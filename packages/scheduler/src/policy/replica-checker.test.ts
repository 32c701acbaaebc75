import type { Peer } from '@tinykv/model';
import { describe, expect, it } from 'vitest';
import { MockView, mockConfig } from '../../tests/support/mock-view.js';
import { info, type ReportChange, region, voter } from '../../tests/support/world.js';
import { canSpare } from './filters.js';
import { checkReplicas } from './replica-checker.js';

/** Stores with 1, 2, 3 … Regions: the lower the number, the emptier. */
function stores(count: number): MockView {
  const view = new MockView(3);
  for (let id = 1; id <= count; id++) view.setStore(id, id);
  return view;
}

function check(
  view: MockView,
  on: readonly number[],
  change: ReportChange = {},
  peers?: readonly Peer[],
): string | undefined {
  const of = region(1, 0, 0, on);
  const plan = checkReplicas(view, info({ ...of, peers: peers ?? of.peers }, change), mockConfig);
  switch (plan?.type) {
    case 'add-peer':
      return `+${plan.to}`;
    case 'remove-peer':
      return `-${plan.from}`;
    case 'move-peer':
      return `${plan.from}->${plan.to}`;
    case 'promote-peer':
      return `promote ${plan.peer.id}`;
    default:
      return plan?.type;
  }
}

const DOWN = { silentMs: mockConfig.maxStoreDownMs + 1 };

describe('replica checker', () => {
  it('is content with max-replicas peers on stores that are up', () => {
    expect(check(stores(5), [1, 2, 3])).toBeUndefined();
  });

  it('adds missing peers on the emptiest store that has none', () => {
    expect(check(stores(5), [1])).toBe('+2');
    expect(check(stores(5), [2, 1])).toBe('+3');
    expect(check(stores(2), [1, 2])).toBeUndefined();
  });

  it.each([
    ['offline', { state: 'offline' }],
    ['a tombstone', { state: 'tombstone' }],
    ['silent for too long', DOWN],
  ] as const)(
    'replaces a peer on a store that is %s, if there is another store',
    (_case, change) => {
      const view = stores(3);
      view.setStore(2, 2, change);
      expect(check(view, [1, 2, 3])).toBeUndefined();
      view.setStore(4, 4);
      expect(check(view, [1, 2, 3])).toBe('2->4');
    },
  );

  it('gives a silent store its time before its peers count as lost', () => {
    const view = stores(4);
    view.setStore(2, 2, { silentMs: mockConfig.maxStoreDownMs });
    expect(check(view, [1, 2, 3])).toBeUndefined();
  });

  it('replaces a peer on a store that nobody knows', () => {
    expect(check(stores(4), [1, 2, 9])).toBe('9->3');
  });

  it('replaces a damaged peer: elsewhere, or on its own store once it is gone', () => {
    const view = stores(3);
    view.setStore(2, 2, { damagedPeers: [12] });
    const downPeers = [voter(12, 2)];
    expect(check(view, [1, 2, 3], { downPeers })).toBe('-2');
    expect(check(view, [1, 3])).toBe('+2');
    // The peer that came in its place has another id.
    const peers = [voter(11, 1), voter(19, 2), voter(13, 3)];
    expect(check(view, [], {}, peers)).toBeUndefined();
    expect(check(view, [1, 2, 3], { downPeers: [...downPeers, voter(13, 3)] })).toBeUndefined();
    view.setStore(4, 4);
    expect(check(view, [1, 2, 3], { downPeers })).toBe('2->4');
  });

  it('never adds a peer on a store that is silent, busy, or has too much to receive', () => {
    const view = stores(4);
    view.setStore(2, 2, { silentMs: mockConfig.storeDisconnectedMs + 1 });
    view.setStore(3, 3, { isBusy: true });
    expect(check(view, [1])).toBe('+4');
    view.setStore(4, 4, { pendingPeerCount: mockConfig.pendingPeersMax + 1 });
    expect(check(view, [1])).toBeUndefined();
  });

  it('removes an extra peer: a lost one first, then a sick one, then from the fullest store', () => {
    const view = stores(5);
    expect(check(view, [1, 2, 3, 4])).toBe('-4');
    expect(check(view, [1, 2, 3, 4], { pendingPeers: [voter(12, 2)] })).toBe('-2');
    view.setStore(1, 1, { state: 'offline' });
    expect(check(view, [1, 2, 3, 4])).toBe('-1');
  });

  it('keeps an extra peer that the quorum needs', () => {
    const twoDown = { downPeers: [voter(12, 2), voter(13, 3)] };
    expect(check(stores(4), [1, 2, 3, 4], twoDown)).toBe('-3');
    const threeDown = { downPeers: [voter(12, 2), voter(13, 3), voter(14, 4)] };
    expect(check(stores(4), [1, 2, 3, 4], threeDown)).toBeUndefined();
  });

  it('finishes what an operator left behind: a learner is promoted when it has caught up', () => {
    const view = stores(4);
    const learner = { ...voter(13, 3), learner: true };
    const peers = [voter(11, 1), voter(12, 2), learner];
    expect(check(view, [], {}, peers)).toBe('promote 13');
    expect(check(view, [], { pendingPeers: [learner] }, peers)).toBeUndefined();
    view.setStore(3, 3, DOWN);
    expect(check(view, [], { pendingPeers: [learner] }, peers)).toBe('-3');
    const extra = [...region(1, 0, 0, [1, 2, 4]).peers, { ...learner, id: 19, storeId: 3 }];
    expect(check(stores(4), [], {}, extra)).toBe('-3');
  });

  it('replaces a lost peer though a balance operator runs, and does nothing else then', () => {
    const view = stores(5);
    view.balancing.add(1);
    const learner = { ...voter(14, 4), learner: true };
    const moving = [...region(1, 0, 0, [1, 2, 3]).peers, learner];
    // The learner is the operator's.
    expect(check(view, [], {}, moving)).toBeUndefined();
    expect(check(view, [1, 2])).toBeUndefined();
    view.setStore(2, 2, DOWN);
    expect(check(view, [], {}, moving)).toBe('2->5');
  });

  it('promotes a learner that has caught up in place of a lost voter', () => {
    const view = stores(4);
    const learner = { ...voter(14, 4), learner: true };
    const peers = [...region(1, 0, 0, [1, 2, 3]).peers, learner];
    expect(check(view, [], {}, peers)).toBe('-4');
    view.setStore(2, 2, DOWN);
    expect(check(view, [], {}, peers)).toBe('promote 14');
    const four = [...region(1, 0, 0, [1, 2, 3]).peers, voter(14, 4)];
    expect(check(view, [], { downPeers: [voter(12, 2)] }, four)).toBe('-2');
  });

  it('drops a learner that has not caught up and whose store is silent', () => {
    const view = stores(4);
    const learner = { ...voter(13, 3), learner: true };
    const peers = [voter(11, 1), voter(12, 2), learner];
    view.setStore(3, 3, { silentMs: mockConfig.storeDisconnectedMs + 1 });
    expect(check(view, [], { pendingPeers: [learner] }, peers)).toBe('-3');
    // It may be back before another could have caught up.
    expect(check(view, [], {}, peers)).toBeUndefined();
  });

  it('leaves alone what has an operator or no known leader', () => {
    const view = stores(4);
    view.busyRegions.add(1);
    expect(check(view, [1])).toBeUndefined();
    view.busyRegions.clear();
    const nobody = { ...info(region(1, 0, 0, [1])), leader: undefined };
    expect(checkReplicas(view, nobody, mockConfig)).toBeUndefined();
  });
});

describe('canSpare', () => {
  const spare = (on: readonly number[], storeId: number, change: ReportChange = {}): boolean =>
    canSpare(info(region(1, 0, 0, on), change), storeId);

  it.each([
    [[1, 2, 3], [], 1, true],
    [[1, 2, 3], [2], 1, false],
    [[1, 2, 3], [2], 2, true],
    [[1, 2], [2], 2, true],
    [[1, 2], [2], 1, false],
    [[1], [], 1, false],
    [[1, 2, 3, 4, 5], [4, 5], 1, false],
    [[1, 2, 3, 4, 5], [5], 1, true],
  ] as const)('of peers on %j with %j down: store %i → %s', (on, down, storeId, expected) => {
    const downPeers = down.map((id) => voter(10 + id, id));
    expect(spare(on, storeId, { downPeers })).toBe(expected);
    expect(spare(on, storeId, { pendingPeers: downPeers })).toBe(expected);
  });
});
