import { beforeEach, describe, expect, it } from 'vitest';
import { GatewayCaller } from './gateway-caller.js';
import { Scenario } from './scenario.js';
import { Wiretap } from './wiretap.js';

let tap: Wiretap;

beforeEach(() => {
  tap = new Wiretap();
});

/** A gateway that knows the way to all keys. */
async function start(name: string): Promise<GatewayCaller> {
  const scenario = await Scenario.start(name, { gateways: 1 });
  await scenario.until('the gateway serves', () =>
    scenario.cluster.gateways.every(({ core }) => core?.state.epochs.current() !== undefined),
  );
  const caller = new GatewayCaller(scenario, scenario.cluster.gateways[0]!);
  await caller.call('SET warm up');
  await scenario.run(1_000);
  return caller;
}

/** The requests of the gateway for a command. */
async function costOf(caller: GatewayCaller, line: string): Promise<Record<string, number>> {
  tap.take();
  await caller.call(line);
  return tap.take();
}

// docs/life-of-a-set.md tells of these.
describe('the hops of a command', () => {
  it('SET: a timestamp and one request, which reads nothing', async () => {
    const caller = await start('set');
    expect(await costOf(caller, 'SET k v')).toEqual({ KvOneKeyWrite: 1, Tso: 1 });
    expect(await costOf(caller, 'SET k other')).toEqual({ KvOneKeyWrite: 1, Tso: 1 });
    expect(await costOf(caller, 'SET timed v EX 100')).toEqual({ KvOneKeyWrite: 1, Tso: 1 });
  });

  it('INCR and APPEND: a read and a write, with a timestamp meanwhile', async () => {
    const caller = await start('incr');
    for (const line of ['INCR n', 'INCR n', 'APPEND s x', 'APPEND s y']) {
      const { KvOneKeyWrite, Tso, ...read } = await costOf(caller, line);
      expect([KvOneKeyWrite, Tso], line).toEqual([1, 1]);
      expect(Object.values(read), line).toEqual([1]);
    }
  });

  it('GET: one request without a timestamp', async () => {
    const caller = await start('get');
    await caller.call('SET k v');
    const cost = await costOf(caller, 'GET k');
    expect(cost).not.toHaveProperty('Tso');
    expect(Object.values(cost)).toEqual([1]);
  });
});
