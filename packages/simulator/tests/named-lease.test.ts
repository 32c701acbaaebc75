import { makeMessage } from '@tinykv/raft';
import { describe, expect, it } from 'vitest';
import type { StoreNode } from '../src/cluster/store-node.js';
import { deliver } from './deliver.js';
import { Scenario } from './scenario.js';

/** Of a store: 10 ticks of 100 ms. */
const ELECTION_MS = 1_000;

/** A cluster with `x` = old, and who leads it. */
async function start(name: string): Promise<{ scenario: Scenario; leader: StoreNode }> {
  const scenario = await Scenario.start(name);
  const { node } = scenario.leader();
  expect(await scenario.wait(scenario.putAt(node, 'x', 'old'))).toBe('ok');
  await scenario.run(ELECTION_MS);
  expect(scenario.leader().node).toBe(node);
  return { scenario, leader: node };
}

/** What a store answers without asking anybody, or undefined: it asks its quorum. */
async function readAtOnce(scenario: Scenario, node: StoreNode): Promise<string | undefined> {
  let answer: string | undefined;
  scenario.getAt(node, 'x').then(
    (value) => {
      answer = value;
    },
    () => undefined,
  );
  await scenario.run(0.01);
  return answer;
}

/** Cuts all ways to a store. */
function deafen(scenario: Scenario, node: StoreNode): void {
  for (const other of scenario.others(node)) scenario.cut(other, node);
}

function isolate(scenario: Scenario, node: StoreNode): void {
  deafen(scenario, node);
  for (const other of scenario.others(node)) scenario.cut(node, other);
}

describe('transfer_leader_abort_and_lease', () => {
  it('the target is cut off: no lease read from then on, and proposals are taken again', async () => {
    const { scenario, leader } = await start('target is cut off');
    expect(await readAtOnce(scenario, leader)).toBe('old');
    const target = scenario.successor();
    isolate(scenario, target);
    scenario.transferLeader();
    await scenario.run(0.01);
    expect(await readAtOnce(scenario, leader)).toBeUndefined();
    expect(await scenario.wait(scenario.putAt(leader, 'x', 'while it hands over'))).toBe('refused');
    // The quorum that is left answers reads all the time, and commits once the transfer is given up.
    expect(await scenario.wait(scenario.getAt(leader, 'x'))).toBe('old');
    await scenario.run(2 * ELECTION_MS);
    expect(await scenario.wait(scenario.putAt(leader, 'x', 'new'))).toBe('ok');
    expect(await readAtOnce(scenario, leader)).toBeUndefined();
    expect(await scenario.wait(scenario.getAt(leader, 'x'))).toBe('new');
  });

  it('TimeoutNow arrives late, when the sender hears nobody: it serves no stale read', async () => {
    const { scenario, leader } = await start('TimeoutNow is late');
    const target = scenario.successor();
    scenario.cluster.network.clog(leader.host, target.host, 400);
    scenario.transferLeader();
    // Heartbeats of the sender are acknowledged by the third store all the while.
    await scenario.run(390);
    deafen(scenario, leader);
    await scenario.untilLeads(target);
    expect(await scenario.wait(scenario.putAt(target, 'x', 'new'))).toBe('ok');
    expect(scenario.peer(leader).role).toBe('StateLeader');
    const read = scenario.getAt(leader, 'x');
    await scenario.run(500);
    scenario.cluster.network.healAll();
    expect(await scenario.wait(read)).toBe('refused');
    await scenario.until('one leader', () => scenario.peer(leader).role === 'StateFollower');
    expect(await scenario.wait(scenario.getAt(target, 'x'))).toBe('new');
  });

  it('the sender is cut off once TimeoutNow is out: the target leads, the sender serves nothing', async () => {
    const { scenario, leader } = await start('sender is cut off');
    const target = scenario.transferLeader();
    // What is under way arrives; nothing comes back, and nothing else gets out.
    deafen(scenario, leader);
    scenario.cut(leader, scenario.others(leader).find((other) => other !== target)!);
    await scenario.untilLeads(target);
    expect(await scenario.wait(scenario.putAt(target, 'x', 'new'))).toBe('ok');
    expect(await readAtOnce(scenario, leader)).not.toBe('old');
    scenario.cluster.network.healAll();
    await scenario.until('the sender follows', () => scenario.peer(leader).role !== 'StateLeader');
    expect(await scenario.wait(scenario.putAt(target, 'x', 'newer'))).toBe('ok');
  });

  it('a later term has a lease again', async () => {
    const { scenario, leader } = await start('a later term');
    const target = scenario.transferLeader();
    await scenario.untilLeads(target);
    await scenario.run(ELECTION_MS);
    expect(await readAtOnce(scenario, target)).toBe('old');
    expect(scenario.transferLeader()).toBe(leader);
    await scenario.untilLeads(leader);
    await scenario.run(ELECTION_MS);
    expect(await readAtOnce(scenario, leader)).toBe('old');
  });
});

/** Rounds of one cluster: each has election time-outs of its own. */
const ROUNDS = 12;

interface Rates {
  readonly leader: number;
  readonly followers: number;
}

/** Cuts a leader off that goes on reading, and counts what it serves after its successor has written. */
async function staleReads(rates: Rates): Promise<number> {
  const scenario = await Scenario.start(`rates ${rates.leader} ${rates.followers}`);
  let stale = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    const { node } = scenario.leader();
    expect(await scenario.wait(scenario.putAt(node, 'x', 'old'))).toBe('ok');
    for (const store of scenario.cluster.stores) {
      const rate = store === node ? rates.leader : rates.followers;
      store.machine.clock.drift(scenario.world.now, rate);
    }
    await scenario.run(ELECTION_MS);
    expect(await readAtOnce(scenario, node)).toBe('old');
    isolate(scenario, node);
    stale += await readUntilRefused(scenario, node);
    scenario.cluster.network.healAll();
    await scenario.until('it follows', () => scenario.peer(node).role === 'StateFollower');
    await scenario.run(2 * ELECTION_MS);
  }
  return stale;
}

async function readUntilRefused(scenario: Scenario, old: StoreNode): Promise<number> {
  let write: 'not yet' | 'under way' | 'done' = 'not yet';
  const put = async (node: StoreNode): Promise<void> => {
    write = 'under way';
    write = (await scenario.putAt(node, 'x', 'new')) === 'ok' ? 'done' : 'not yet';
  };
  const isWritten = (): boolean => write === 'done';
  let stale = 0;
  for (let served = true; served || !isWritten(); ) {
    const node = scenario.findLeader()?.node;
    if (node !== undefined && node !== old && write === 'not yet') void put(node);
    if (served) {
      served = (await readAtOnce(scenario, old)) === 'old';
      if (served && isWritten()) stale++;
    }
    await scenario.run(2);
  }
  return stale;
}

describe('lease_clock_rate_skew', () => {
  // 5 % between the two is the drift that lease.ts states.
  it.each([
    { leader: 0.9, followers: 0.945 },
    { leader: 1, followers: 1.05 },
    { leader: 1.1, followers: 1.155 },
    { leader: 1.1, followers: 0.9 },
  ])(
    "no stale read with the leader's clock at $leader, the others at $followers",
    async (rates) => {
      expect(await staleReads(rates)).toBe(0);
    },
  );

  it('far beyond it reads are stale: the bound is what keeps them from it', async () => {
    expect(await staleReads({ leader: 0.6, followers: 1 })).toBeGreaterThan(0);
  });
});

describe('lease_from_sending', () => {
  it('acknowledgements that waited in a frozen process give no lease', async () => {
    const { scenario, leader } = await start('frozen acks');
    const others = scenario.others(leader);
    for (const other of others) scenario.cluster.network.clog(other.host, leader.host, 300);
    await scenario.run(290);
    leader.proc!.freeze();
    // What was clogged has arrived by then, and waits for the process; nothing else does.
    await scenario.run(60);
    for (const other of others) scenario.cut(other, leader);
    await scenario.until('another leads', () => scenario.leader().node !== leader);
    const { node: next } = scenario.leader();
    expect(await scenario.wait(scenario.putAt(next, 'x', 'new'))).toBe('ok');
    leader.proc!.thaw();
    const seen: (string | undefined)[] = [];
    for (let i = 0; i < 40; i++) {
      seen.push(await readAtOnce(scenario, leader));
      await scenario.run(5);
    }
    expect(seen).not.toContain('old');
  });
});

describe('leader_wakes_with_lease_over', () => {
  /** When each of the reads was answered, in milliseconds from now on, and how. */
  async function answers(scenario: Scenario, reads: readonly Promise<string>[]): Promise<string[]> {
    const told: string[] = [];
    for (const read of reads) void read.then((answer) => told.push(answer));
    await scenario.run(50);
    return told;
  }

  it('refuses at once what waited in it and what comes next, though it hears nobody', async () => {
    const { scenario, leader } = await start('wakes alone');
    const before = scenario.getAt(leader, 'x');
    expect(await scenario.wait(before)).toBe('old');
    isolate(scenario, leader);
    // The lease is over: this read asks a quorum, and nobody hears it.
    await scenario.run(ELECTION_MS - 10);
    const asked = scenario.getAt(leader, 'x');
    await scenario.run(1);
    expect(scenario.peer(leader).role).toBe('StateLeader');
    leader.proc!.freeze();
    const queued = scenario.getAt(leader, 'x');
    await scenario.run(3 * ELECTION_MS);
    leader.proc!.thaw();
    const next = scenario.getAt(leader, 'x');
    expect(await answers(scenario, [asked, queued, next])).toEqual(Array(3).fill('refused'));
    expect(scenario.peer(leader).role).toBe('StateLeader');
    expect(await answers(scenario, [scenario.getAt(leader, 'x')])).toEqual(['refused']);
  });

  it('serves again as soon as its quorum answers', async () => {
    const { scenario, leader } = await start('all wake');
    const { term } = scenario.peer(leader);
    for (const { proc } of scenario.cluster.stores) proc!.freeze();
    await scenario.run(3 * ELECTION_MS);
    for (const { proc } of scenario.cluster.stores) proc!.thaw();
    await scenario.run(ELECTION_MS / 2);
    expect([scenario.peer(leader).role, scenario.peer(leader).term]).toEqual(['StateLeader', term]);
    expect(await readAtOnce(scenario, leader)).toBe('old');
  });

  it('an overload that is shorter than an election makes reads ask their quorum, as before', async () => {
    const { scenario, leader } = await start('short');
    for (const other of scenario.others(leader)) {
      scenario.cluster.network.clog(other.host, leader.host, ELECTION_MS - 50);
    }
    await scenario.run(ELECTION_MS - 100);
    const read = scenario.getAt(leader, 'x');
    expect(await answers(scenario, [read])).toEqual([]);
    expect(await scenario.wait(read)).toBe('old');
  });
});

describe('late vote answers', () => {
  it.each(['MsgPreVoteResp', 'MsgVoteResp'] as const)(
    'a refusal by %s reaches a follower that has acknowledged a heartbeat: no stale read',
    async (type) => {
      const { scenario, leader } = await start(`late ${type}`);
      const [voter, rival] = scenario.others(leader) as [StoreNode, StoreNode];
      // The rival hears nobody; its requests for votes wait on their way to the voter.
      scenario.cut(leader, rival);
      scenario.cut(voter, rival);
      scenario.cut(rival, voter);
      scenario.cut(rival, leader);
      await scenario.until(
        'the rival campaigns',
        () => scenario.peer(rival).role !== 'StateFollower',
      );
      expect(await readAtOnce(scenario, leader)).toBe('old');
      // From here on the leader learns nothing more, but has its lease from what the voter has acknowledged.
      scenario.cut(voter, leader);
      const { term } = scenario.peer(leader);
      deliver(rival, voter, scenario, makeMessage({ type, term: term + 1, reject: true }));
      await scenario.run(0.01);
      expect([scenario.peer(voter).term, scenario.peer(voter).leader]).toEqual([term + 1, 0]);
      scenario.heal(rival, voter);
      scenario.heal(voter, rival);
      expect(await readUntilRefused(scenario, leader)).toBe(0);
      expect(await scenario.wait(scenario.getAt(scenario.leader().node, 'x'))).toBe('new');
    },
  );
});
