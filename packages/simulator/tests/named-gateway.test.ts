import { describe, expect, it } from 'vitest';
import { GatewayCaller } from './gateway-caller.js';
import { Scenario } from './scenario.js';

async function start(name: string): Promise<{ scenario: Scenario; callers: GatewayCaller[] }> {
  const scenario = await Scenario.start(name, { gateways: 2 });
  await scenario.until('gateways serve', () =>
    scenario.cluster.gateways.every(({ core }) => core?.state.epochs.current() !== undefined),
  );
  const callers = scenario.cluster.gateways.map((node) => new GatewayCaller(scenario, node));
  return { scenario, callers };
}

const VALUE = '$1\r\nv\r\n';

describe('WATCH over several gateways', () => {
  it('notices two writes through another that restore the old value', async () => {
    const { callers } = await start('restored value');
    const [one, two] = callers;
    await one!.call('SET k v');
    await one!.call('WATCH k');
    for (const value of ['w', 'v']) await two!.call(`SET k ${value}`);
    await one!.call('MULTI');
    await one!.call('PING');
    expect((await one!.call('EXEC')).reply).toBe('*-1\r\n');
    await one!.call('WATCH k');
    await two!.call('GET k');
    await one!.call('MULTI');
    await one!.call('PING');
    expect((await one!.call('EXEC')).reply).toBe('*1\r\n+PONG\r\n');
  });
});

describe('gateways without a scheduler', () => {
  it('GETs go on for a minute, SETs fail at once and name the scheduler', async () => {
    const { scenario, callers } = await start('scheduler dies');
    const [one, two] = callers;
    expect((await one!.call('SET k v')).reply).toBe('+OK\r\n');
    expect((await one!.call('SET t v PX 600000')).reply).toBe('+OK\r\n');
    scenario.cluster.scheduler.crash();
    let slowestGet = 0;
    for (let second = 0; second < 60; second++) {
      await scenario.run(1_000);
      for (const caller of [one!, two!]) {
        for (const key of ['k', 't']) {
          const { reply, ms } = await caller.call(`GET ${key}`);
          expect(reply).toBe(VALUE);
          slowestGet = Math.max(slowestGet, ms);
        }
      }
      const { reply, ms } = await two!.call('SET k w');
      expect(reply).toMatch(/^-CLUSTERDOWN .*nothing was applied: the scheduler \S+ is away/);
      expect(ms).toBeLessThan(2_100);
    }
    expect(slowestGet).toBeLessThan(2_100);
    await scenario.cluster.scheduler.start();
    await scenario.run(5_000);
    expect((await two!.call('SET k w')).reply).toBe('+OK\r\n');
    expect((await one!.call('GET k')).reply).toBe('$1\r\nw\r\n');
  });

  it('a gateway cut off from the scheduler is waited for by its lease, and then sees the flush', async () => {
    const { scenario, callers } = await start('gateway cut off');
    const [one, two] = callers;
    const { scheduler, gateways } = scenario.cluster;
    expect((await one!.call('SET k v')).reply).toBe('+OK\r\n');
    scenario.cut(gateways[1]!, scheduler);
    scenario.cut(scheduler, gateways[1]!);
    await scenario.run(3_000);
    expect((await two!.call('GET k')).reply).toBe(VALUE);
    const { reply, ms } = await one!.call('FLUSHALL');
    expect(reply).toBe('+OK\r\n');
    expect(ms).toBeGreaterThan(3_000);
    expect(ms).toBeLessThan(5_000);
    expect((await two!.call('GET k')).reply).toBe('$-1\r\n');
  });
});
