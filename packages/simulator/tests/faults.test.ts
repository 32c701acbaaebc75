import { utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { Arena } from '../src/faults/arena.js';
import { ruleOf } from '../src/faults/rules.js';
import type { Strike } from '../src/faults/strike.js';
import { unsettled } from '../src/run/converge.js';
import { Tally } from '../src/run/tally.js';
import { SimEngine } from '../src/world/sim-engine.js';
import { Scenario } from './scenario.js';

async function started(name: string) {
  const scenario = await Scenario.start(name);
  const tally = new Tally();
  const arena = new Arena(scenario.cluster, tally);
  const begin = (kind: string, strike: Partial<Strike>): boolean =>
    ruleOf(kind).begin(arena, { at: 0, lastsMs: 1_000, target: 0, amount: 0, ...strike });
  const level = (): Promise<void> =>
    scenario.until('all are level', () => unsettled(scenario.cluster) === undefined);
  return { scenario, tally, arena, begin, level };
}

describe('faults', () => {
  it('kill-process leaves to the machine what a power cut takes', async () => {
    const { scenario, begin, level } = await started('kill process');
    const [store] = scenario.cluster.stores;
    const { engine } = store!.machine;
    if (!(engine instanceof SimEngine)) throw new Error('another engine than the model');
    const batch = engine.batch();
    batch.put(utf8('zz stray'), utf8('x'));
    await scenario.wait(engine.write(batch, { sync: false }));
    expect(begin('kill-process', { target: 0, lastsMs: 100 })).toBe(true);
    expect(store!.running).toBe(false);
    expect(engine.get(utf8('zz stray'))).toBeDefined();
    await level();
    expect(store!.up).toBe(true);
    expect(scenario.losses).toEqual([]);
  });

  it('stop-process hands leaderships over before the process ends', async () => {
    const { scenario, begin, tally, level } = await started('stop process');
    const { node } = scenario.leader();
    const heir = scenario.successor();
    const target = scenario.cluster.stores.indexOf(node);
    expect(begin('stop-process', { target, lastsMs: 20_000 })).toBe(true);
    await scenario.until('it is down', () => !node.running);
    // Nobody had to wait for an election.
    expect(scenario.leader().node).toBe(heir);
    expect(tally.events.get('graceful stop')).toBe(1);
    await level();
    expect(node.up).toBe(true);
  });

  it('rolling-restart stops one store after the other', async () => {
    const { scenario, begin, tally, level } = await started('rolling restart');
    const { stores } = scenario.cluster;
    let mostDown = 0;
    begin('rolling-restart', { lastsMs: 100 });
    await scenario.until('each has stopped once', () => {
      mostDown = Math.max(mostDown, stores.filter(({ running }) => !running).length);
      return tally.events.get('graceful stop') === stores.length;
    });
    expect(mostDown).toBe(1);
    await level();
  });

  it.each([
    ['disk', 0],
    ['engine', 1],
  ])('stall-at-change stalls the %s at the next change of a Region', async (what, target) => {
    const { scenario, begin, tally } = await started(`stall ${what}`);
    const store = scenario.cluster.stores[target]!;
    const { traits } = store.machine.disk;
    begin('stall-at-change', { target, amount: 0, lastsMs: 2_000 });
    expect(traits.stalledUntil + traits.engineStalledUntil).toBe(0);
    store.atPoint?.('gc-page-collected');
    expect(tally.events.get('stall at a change')).toBeUndefined();
    store.atPoint?.('admin-before-write');
    const until = scenario.world.now + 2_000;
    expect(traits.stalledUntil).toBe(what === 'disk' ? until : 0);
    expect(traits.engineStalledUntil).toBe(what === 'engine' ? until : 0);
    expect(store.atPoint).toBeUndefined();
  });

  it('engine-stall lets entries be committed that are not applied', async () => {
    const { scenario, begin } = await started('engine stall');
    for (const target of [0, 1, 2]) begin('engine-stall', { target, lastsMs: 3_000 });
    const { node, status } = scenario.leader();
    const { committed, applied } = status;
    const put = scenario.putAt(node, 'x', '1');
    await scenario.run(1_000);
    expect(scenario.peer(node).committed).toBeGreaterThan(committed);
    expect(scenario.peer(node).applied).toBe(applied);
    expect(await scenario.wait(put)).toBe('ok');
  });

  it('isolate-loaded-leader leaves a tail on the leader alone, and lets it lead again', async () => {
    const { scenario, begin, tally, level } = await started('loaded leader');
    const { node } = scenario.leader();
    expect(begin('isolate-loaded-leader', { lastsMs: 4_000 })).toBe(true);
    await scenario.run(3_500);
    expect(tally.events.get('leader isolated with eight entries')).toBe(1);
    expect(scenario.leader().node).not.toBe(node);
    await scenario.untilLeads(node);
    await level();
  });

  it('clog-in-turn closes every way and opens it again', async () => {
    const { scenario, begin, level } = await started('clog in turn');
    const [store, ...others] = scenario.cluster.stores;
    const { network } = scenario.cluster;
    const closed = (): number =>
      others.filter(({ host }) => network.isCut(host, store!.host)).length +
      others.filter(({ host }) => network.isCut(store!.host, host)).length;
    begin('clog-in-turn', { target: 0, lastsMs: 4_000 });
    await scenario.run(1_100);
    expect(closed()).toBe(3);
    await scenario.run(850);
    expect(closed()).toBe(4);
    await scenario.run(1_100);
    expect(closed()).toBe(1);
    await scenario.run(1_000);
    await level();
    expect(closed()).toBe(0);
  });

  it('clock-drift keeps two clocks within what leases bear', async () => {
    const { scenario, begin, tally } = await started('drift');
    const [a, b] = scenario.cluster.stores.map(({ machine }) => machine.clock);
    begin('clock-drift', { target: 0, amount: 0 });
    begin('clock-drift', { target: 4, amount: 0.99 });
    expect(Math.min(a!.rate, b!.rate)).toBeLessThan(0.98);
    const all = scenario.cluster.stores.map(({ machine }) => machine.clock.rate);
    expect(Math.max(...all) / Math.min(...all)).toBeLessThanOrEqual(1.05);
    expect(tally.events.get('clocks of stores as far apart as leases bear')).toBe(1);
  });

  it('fatal-point ends a process at one point that it has passed before, once', async () => {
    const { scenario, begin, level } = await started('fatal point');
    const store = scenario.cluster.stores[0]!;
    const at = [...store.passed].sort().indexOf('log-appended');
    expect(at).toBeGreaterThanOrEqual(0);
    expect(begin('fatal-point', { target: 0, amount: (at + 0.5) / 1_000, lastsMs: 60_000 })).toBe(
      true,
    );
    expect(store.fatalPoint).toBe('log-appended');
    void scenario.putAt(scenario.leader().node, 'x', '1').catch(() => undefined);
    await scenario.until('it dies', () => !store.running);
    expect(store.fatalPoint).toBeUndefined();
    void store.start();
    await level();
  });

  it('wall-jump moves the day of a store', async () => {
    const { scenario, begin, tally, level } = await started('wall jump');
    const { now } = scenario.world;
    const { clock } = scenario.cluster.stores[0]!.machine;
    const before = clock.wall(now);
    begin('wall-jump', { target: 0, amount: 0.99 });
    expect(clock.wall(now) - before).toBeGreaterThan(50_000);
    expect(tally.events.get('wall clock of a store jumps')).toBe(1);
    await level();
  });

  it('misdirected-write takes the log of a store that others can spare', async () => {
    const { scenario, begin } = await started('misdirected');
    const { node } = scenario.leader();
    for (let i = 0; i < 30; i++) {
      expect(await scenario.wait(scenario.putAt(node, `k${i}`, 'x'.repeat(100)))).toBe('ok');
    }
    const [store] = scenario.cluster.stores;
    expect(begin('misdirected-write', { target: 0, amount: 0.9, lastsMs: 10 })).toBe(true);
    expect(store!.damaged).toBe(true);
    await scenario.until('it finds it at its start', () => store!.running === false);
    await scenario.run(2_000);
    // Its log is refused: it never serves what it holds.
    expect(store!.up).toBe(false);
    expect(scenario.others(store!).every(({ up }) => up)).toBe(true);
  });

  it('disks and fail points of the scheduler are among those that fail', async () => {
    const { scenario, begin } = await started('scheduler disk');
    const { scheduler, stores } = scenario.cluster;
    begin('disk-full', { target: stores.length, amount: 0.9, lastsMs: 100 });
    expect(scheduler.machine.disk.traits.full).toBe(true);
    begin('fatal-points', { target: stores.length, amount: 0.9, lastsMs: 100 });
    expect(scheduler.fatalPoints).toBeGreaterThan(0);
  });
});
