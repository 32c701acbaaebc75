import { fakeEnv } from '@tinykv/base/testing';
import type { Peer, Region, RegionOperator, StoreStats } from '@tinykv/model';
import { describe, expect, it } from 'vitest';
import { info, type ReportChange, region, report, voter, world } from '../tests/support/world.js';
import { Operator, type OperatorInit, priorities } from './operator.js';
import { buildOperator } from './operator-builder.js';
import { OperatorDriver } from './operator-driver.js';
import type { Plan } from './policy/view.js';

const purpose = { desc: 'test', kind: 'balance', priority: priorities.normal } as const;

/** A driver on a cluster of five stores, and what it sent. */
function setup() {
  const { clock, cluster, state } = world(5);
  const sent: string[] = [];
  const send = (leader: Peer, operator: RegionOperator): void => {
    const peer = operator.type === 'split' ? '' : `${operator.peer.learner ? 'learner ' : ''}`;
    const id = operator.type === 'split' ? '' : operator.peer.id;
    sent.push(`${leader.id}: ${operator.type} ${peer}${id}`);
  };
  const env = fakeEnv({ clock });
  const driver = new OperatorDriver(clock, env.metrics, {
    region: (id) => cluster.regions.get(id),
    isConnected: (storeId) => cluster.isConnected(storeId),
    isDamaged: (peerId, storeId) => cluster.isDamaged(peerId, storeId),
    takesPeers: (storeId) => cluster.store(storeId)?.state === 'up',
    send,
  });
  const beat = (of: Region, change: ReportChange = {}): string[] => {
    const before = sent.length;
    const result = cluster.onRegionHeartbeat(report(of, change));
    if (result.ok) driver.dispatch(result.value);
    return sent.slice(before);
  };
  return { clock, cluster, state, driver, sent, beat, env };
}

const HEARTBEAT: Omit<StoreStats, 'storeId' | 'damagedPeers'> = {
  capacity: 1,
  available: 1,
  usedSize: 0,
  regionCount: 1,
  sendingSnapshots: 0,
  receivingSnapshots: 0,
  applyingSnapshots: 0,
  startTime: 0,
  isBusy: false,
};

/** The Region after one more conf change. */
function withPeers(of: Region, peers: readonly Peer[]): Region {
  return { ...of, peers, epoch: { ...of.epoch, confVer: of.epoch.confVer + 1 } };
}

const of = region(1, 0, 0, [1, 2, 3]);
const added = voter(50, 4);

function move(learnersFirst = false): Operator {
  const plan: Plan = { type: 'move-peer', region: info(of), from: 1, to: 4 };
  return buildOperator(plan, purpose, 50, learnersFirst, () => true);
}

describe('OperatorDriver', () => {
  it('moves a leading peer: add, wait for the snapshot, lead away, remove', () => {
    const { driver, sent, beat } = setup();
    beat(of);
    const operator = move();
    expect(driver.add(operator)).toBeUndefined();
    expect(sent).toEqual(['11: add-peer 50']);
    const four = withPeers(of, [...of.peers, added]);
    expect(beat(four, { pendingPeers: [added] })).toEqual([]);
    expect(beat(four)).toEqual(['11: transfer-leader 12']);
    expect(beat(four, { leader: voter(12, 2), term: 7 })).toEqual(['12: remove-peer 11']);
    expect(operator.status).toBe('running');
    beat(withPeers(four, four.peers.slice(1)), { leader: voter(12, 2), term: 7 });
    expect(operator.status).toBe('success');
    expect(driver.size).toBe(0);
  });

  it('gives up what would add a peer to a store that has been given up since', () => {
    const { driver, beat, state } = setup();
    beat(of);
    const operator = move();
    driver.add(operator);
    beat(withPeers(of, [...of.peers, added]), { pendingPeers: [added] });
    expect(operator.status).toBe('running');
    state.apply({ type: 'set-store-state', storeId: 4, state: 'offline' });
    driver.expire();
    expect([operator.status, driver.size]).toEqual(['cancel', 0]);
  });

  it('gives up what waits for a peer that is found damaged', () => {
    const { driver, beat, cluster } = setup();
    beat(of);
    const operator = move(true);
    driver.add(operator);
    const learner = { ...added, learner: true };
    const four = withPeers(of, [...of.peers, learner]);
    beat(four, { pendingPeers: [learner] });
    driver.expire();
    expect(operator.status).toBe('running');
    cluster.onStoreHeartbeat({ ...HEARTBEAT, storeId: 4, damagedPeers: [50] });
    driver.expire();
    // What is left of it is for the replica checker, which would wait for this operator.
    expect([operator.status, driver.size]).toEqual(['cancel', 0]);
  });

  it('gives up the removal of a leader that no voter can follow, which would hold up the learner for ten minutes', () => {
    const { driver, beat, state } = setup();
    const small = region(1, 0, 0, [1, 2]);
    const learner = { ...voter(50, 4), learner: true };
    const three = { ...small, peers: [...small.peers, learner] };
    beat(three);
    const remove = (): Operator => {
      const plan: Plan = { type: 'remove-peer', region: info(three), from: 1 };
      // Nobody could lead when it was planned, so it begins with the removal.
      return buildOperator(plan, purpose, 0, false, () => false);
    };
    const operator = remove();
    driver.add(operator);
    expect(operator.status).toBe('running');
    state.apply({ type: 'set-store-state', storeId: 2, state: 'offline' });
    beat(three);
    expect([operator.status, driver.size]).toEqual(['cancel', 0]);
    expect(driver.add(remove())).toBe('futile');
  });

  it('gives up what would make a leader of a store that has been silent since', () => {
    const { driver, beat, clock, cluster } = setup();
    beat(of);
    const operator = move();
    driver.add(operator);
    beat(withPeers(of, [...of.peers, added]));
    expect(operator.describe()).toMatch(/currentStep:1/);
    clock.advance(15_000);
    for (const id of [1, 3, 4, 5]) cluster.onStorePut(id);
    driver.expire();
    expect(operator.status).toBe('running');
    clock.advance(6_000);
    driver.expire();
    expect(operator.status).toBe('cancel');
  });

  it('gives up what would add a peer on a store that has been silent since', () => {
    const { driver, beat, clock, cluster } = setup();
    beat(of);
    const operator = move(true);
    driver.add(operator);
    const learner = { ...added, learner: true };
    beat(withPeers(of, [...of.peers, learner]), { pendingPeers: [learner] });
    clock.advance(15_000);
    for (const id of [1, 2, 3, 5]) cluster.onStorePut(id);
    driver.expire();
    expect(operator.status).toBe('running');
    clock.advance(6_000);
    driver.expire();
    expect([operator.status, driver.size]).toEqual(['cancel', 0]);
  });

  it('refuses what is futile before it begins', () => {
    const { driver, beat, clock, cluster, sent } = setup();
    beat(of);
    clock.advance(21_000);
    for (const id of [1, 2, 3, 5]) cluster.onStorePut(id);
    expect(driver.add(move())).toBe('futile');
    expect([sent, driver.find(1)]).toEqual([[], undefined]);
  });

  it('leads a leader that comes back away to a voter on a connected store', () => {
    const { driver, beat, clock, cluster } = setup();
    beat(of);
    driver.add(move());
    const four = withPeers(of, [...of.peers, added]);
    beat(four);
    beat(four, { leader: voter(12, 2), term: 7 });
    clock.advance(21_000);
    for (const id of [1, 3, 4, 5]) cluster.onStorePut(id);
    expect(beat(four, { leader: voter(11, 1), term: 8 })).toEqual(['11: transfer-leader 13']);
  });

  it('leads the leader away again when it comes back before its peer is removed', () => {
    const { driver, beat } = setup();
    beat(of);
    driver.add(move());
    const four = withPeers(of, [...of.peers, added]);
    beat(four);
    beat(four, { leader: voter(12, 2), term: 7 });
    expect(beat(four, { leader: voter(11, 1), term: 8 })).toEqual(['11: transfer-leader 12']);
  });

  it('holds the removal back while the quorum needs the peer', () => {
    const { driver, beat } = setup();
    beat(of);
    driver.add(move());
    const four = withPeers(of, [...of.peers, added]);
    beat(four);
    const lead = { leader: voter(12, 2), term: 7 };
    const twoDown = { ...lead, downPeers: [voter(13, 3), added] };
    expect(beat(four, twoDown)).toEqual([]);
    expect(beat(four, { ...lead, downPeers: [voter(13, 3)] })).toEqual(['12: remove-peer 11']);
  });

  it('is replaced by an operator of higher priority only', () => {
    const { driver, beat } = setup();
    beat(of);
    const first = move();
    driver.add(first);
    expect(driver.add(move())).toBe('operator-exists');
    const plan: Plan = { type: 'transfer-leader', region: info(of), from: 1, to: 2 };
    const urgent = { desc: 'admin', kind: 'admin', priority: priorities.high } as const;
    expect(driver.add(buildOperator(plan, urgent, 0, false, () => true))).toBeUndefined();
    expect(first.status).toBe('replace');
    expect(driver.find(1)?.desc).toBe('admin');
    expect(driver.size).toBe(1);
  });

  it('refuses what was planned on another epoch, or for an unknown Region', () => {
    const { driver, beat } = setup();
    expect(driver.add(move())).toBe('region-not-found');
    beat(withPeers(of, of.peers));
    expect(driver.add(move())).toBe('epoch-differs');
  });

  it.each([
    ['a leader operator', 'transfer-leader', 10_000],
    ['a region operator', 'move-peer', 600_000],
  ] as const)('gives %s its time and no more', (_case, type, timeoutMs) => {
    const { driver, beat, clock, cluster } = setup();
    beat(of);
    const base = { region: info(of), from: 1, to: type === 'move-peer' ? 4 : 2 };
    const operator = buildOperator({ type, ...base }, purpose, 50, true, () => true);
    driver.add(operator);
    clock.advance(timeoutMs);
    for (const { id } of cluster.stores()) cluster.onStorePut(id);
    beat(of, { approximateBytes: 1 });
    driver.expire();
    expect(operator.status).toBe('running');
    clock.advance(1);
    driver.expire();
    expect(operator.status).toBe('timeout');
    expect(driver.find(1)).toBe(operator);
    clock.advance(600_001);
    driver.expire();
    expect(driver.find(1)).toBeUndefined();
  });

  it('ends when its Region is merged away', () => {
    const { driver, beat, clock } = setup();
    beat(region(2, 10, 0, [1, 2, 3]));
    beat(region(1, 0, 10, [1, 2, 3]));
    const plan: Plan = {
      type: 'transfer-leader',
      region: info(region(2, 10, 0, [1, 2, 3])),
      from: 1,
      to: 2,
    };
    const operator = buildOperator(plan, purpose, 0, false, () => true);
    driver.add(operator);
    beat(region(1, 0, 0, [1, 2, 3], 2));
    clock.advance(1_000);
    driver.expire();
    expect(operator.status).toBe('cancel');
  });

  it('counts a Region move against the Region limit alone', () => {
    const { driver, beat } = setup();
    beat(of);
    driver.add(move());
    expect([driver.count('region'), driver.count('leader'), driver.count('balance')]).toEqual([
      1, 0, 1,
    ]);
  });

  it('tells what running operators will have done, and nothing twice', () => {
    const { driver, beat } = setup();
    beat(of);
    driver.add(move(true));
    const shape = (id: number) => driver.influence().get(id);
    expect(shape(1)).toMatchObject({ regionCount: -1, regionSize: -1, leaderCount: -1 });
    expect(shape(4)).toMatchObject({ regionCount: 1, regionSize: 1, incoming: 1 });
    // The report counts the new peer now; only the removal is still to come.
    beat(withPeers(of, [...of.peers, { ...added, learner: true }]), { pendingPeers: [added] });
    expect(shape(4)).toBeUndefined();
    expect(shape(1)).toMatchObject({ regionCount: -1 });
  });

  it('reports events under the names of PD', () => {
    const { driver, beat, env } = setup();
    beat(of);
    driver.add(move());
    const count = (event: string) =>
      env.metrics.value('pd_schedule_operators_count', { type: 'test', event });
    expect([count('create'), count('finish')]).toEqual([1, 0]);
  });

  it('scheduler_operator_vs_stale_heartbeat', () => {
    const { driver, beat, cluster } = setup();
    const lead2 = { leader: voter(12, 2), term: 7 };
    beat(region(1, 0, 0, [1, 2, 3], 2, 1), lead2);

    // Reports of before the split and of the former leader neither change a thing nor get an answer.
    expect(beat(region(1, 0, 0, [1, 2, 3], 1, 1))).toEqual([]);
    expect(beat(region(1, 0, 0, [1, 2, 3], 2, 1), { term: 6 })).toEqual([]);
    expect(cluster.regions.get(1)?.leader?.id).toBe(12);

    // An operator planned on the old picture is refused.
    const old: Plan = {
      type: 'move-peer',
      region: info(region(1, 0, 0, [1, 2, 3], 1, 1)),
      from: 3,
      to: 4,
    };
    expect(driver.add(buildOperator(old, purpose, 50, false, () => true))).toBe('epoch-differs');

    // One that runs is cancelled when the peers change by other hands than its own.
    const current = region(1, 0, 0, [1, 2, 3], 2, 1);
    const plan: Plan = { type: 'move-peer', region: info(current, lead2), from: 3, to: 4 };
    const operator = buildOperator(plan, purpose, 50, false, () => true);
    driver.add(operator);
    expect(beat(current, { term: 6 })).toEqual([]);
    const byOthers = withPeers(current, [...current.peers, voter(60, 5)]);
    expect(beat(byOthers, lead2)).toEqual([]);
    expect(operator.status).toBe('cancel');
  });
});

describe('Operator', () => {
  const init: OperatorInit = {
    desc: 'balance-region',
    region: of,
    kinds: ['leader', 'region', 'balance'],
    priority: priorities.normal,
    steps: [],
    regionSize: 1,
  };

  it('prints on one line', () => {
    const text = move(true).describe();
    expect(text).toBe(
      'test (kind:leader,region,balance, region:1(1,1), currentStep:0, steps:[add learner 50 on store 4, promote learner 50 on store 4, transfer leader from store 1 to store 2, remove peer on store 1])',
    );
  });

  it('without steps is finished', () => {
    expect(new Operator(init).check(info(of))).toBeUndefined();
  });

  it('explains as many changes of peers as its own steps made', () => {
    const operator = move(true);
    const learner = { ...added, learner: true };
    const one = withPeers(of, [...of.peers, learner]);
    operator.check(info(one));
    expect(operator.isStale(info(one))).toBe(false);
    const two = withPeers(one, [...of.peers, added]);
    operator.check(info(two));
    expect(operator.isStale(info(two))).toBe(false);
    expect(operator.isStale(info(withPeers(two, two.peers)))).toBe(true);
  });
});
