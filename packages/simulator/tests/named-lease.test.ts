import { describe, expect, it } from 'vitest';
import type { StoreNode } from '../src/cluster/store-node.js';
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
