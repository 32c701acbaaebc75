import { Prng } from '@tinykv/base';
import { describe, expect, test } from 'vitest';
import { faultyGateway } from '../src/testing/faulty-gateway.js';
import type { CommitFate, FaultyKv } from '../src/testing/faulty-kv.js';
import type { TestClient, TestGateway } from '../src/testing/harness.js';

interface Scene {
  readonly gateway: TestGateway;
  readonly kv: FaultyKv;
  readonly client: TestClient;
}

async function scene(): Promise<Scene> {
  const { gateway, kv } = await faultyGateway();
  return { gateway, kv, client: gateway.connect() };
}

/** What the client gets once the pauses between attempts have passed. */
async function later(gateway: TestGateway, client: TestClient): Promise<string> {
  await gateway.clock.run(5_000);
  return client.output();
}

describe('gateway_retry_never_doubles', () => {
  const commands: readonly [line: string, once: string][] = [
    ['INCR k', '11'],
    ['APPEND k x', '10x'],
    ['INCRBY k 5', '15'],
    ['DECR k', '9'],
    ['SETRANGE k 2 a', '10a'],
  ];

  test.each(commands)('%s: a commit whose answer is lost is tried once', async (line, once) => {
    for (const fate of ['applied-then-lost', 'undetermined'] as const) {
      const stage = await scene();
      await stage.client.line('SET k 10');
      stage.kv.script.push(fate);
      expect(await stage.client.line(line)).toBe('-ERR commit result unknown\r\n');
      await stage.gateway.clock.run(10_000);
      expect(stage.kv.fates).toEqual(['ok', fate]);
      const value = fate === 'undetermined' ? '10' : once;
      expect(await stage.client.line('GET k')).toBe(`$${value.length}\r\n${value}\r\n`);
    }
  });

  test.each(commands)('%s: what certainly failed is applied once', async (line, once) => {
    const stage = await scene();
    await stage.client.line('SET k 10');
    stage.kv.script.push('conflict', 'conflict', 'conflict');
    stage.client.write(`${line}\r\n`);
    expect(await later(stage.gateway, stage.client)).not.toContain('ERR');
    expect(await stage.client.line('GET k')).toContain(once);
  });

  test('an unknown outcome is told as unknown', async () => {
    const stage = await scene();
    stage.kv.script.push('applied-then-lost');
    expect(await stage.client.line('INCR k')).toBe('-ERR commit result unknown\r\n');
    expect(await stage.client.line('GET k')).toBe('$1\r\n1\r\n');
    expect(stage.gateway.core.state.stats.txnUndetermined).toBe(1);
  });

  test('an unavailable store is told at once, and nothing was applied', async () => {
    const stage = await scene();
    stage.kv.script.push('unavailable');
    expect(await stage.client.line('INCR k')).toMatch(/^-CLUSTERDOWN .*nothing was applied/);
    expect(await stage.client.line('GET k')).toBe('$-1\r\n');
  });

  test('conflicts without end are given up', async () => {
    const stage = await scene();
    stage.kv.script.push(...new Array<CommitFate>(100).fill('conflict'));
    stage.client.write('INCR k\r\n');
    expect(await later(stage.gateway, stage.client)).toBe(
      '-ERR transaction conflict, please retry\r\n',
    );
    expect(stage.kv.fates.length).toBe(stage.gateway.core.state.config.txnAttemptsMax);
  });

  test('commands that share a transaction: one unknown outcome is the outcome of all', async () => {
    const stage = await scene();
    stage.kv.script.push('ok', 'applied-then-lost');
    const replies = await stage.client.send(...new Array(5).fill(['INCR', 'k']));
    expect(replies).toBe(`:1\r\n${'-ERR commit result unknown\r\n'.repeat(4)}`);
    expect(await stage.client.line('GET k')).toBe('$1\r\n5\r\n');
  });

  test('commands that share a transaction: a known failure runs them one by one', async () => {
    const stage = await scene();
    stage.kv.script.push('ok', 'unavailable', 'ok', 'unavailable');
    const replies = await stage.client.send(...new Array(4).fill(['INCR', 'k']));
    const [first, second, third, fourth] = replies.split('\r\n');
    expect([first, second, fourth]).toEqual([':1', ':2', ':3']);
    expect(third).toMatch(/^-CLUSTERDOWN/);
  });

  test('random fates: each counter lies between what succeeded and what may have', async () => {
    const rng = new Prng('doubles');
    const fates: CommitFate[] = ['ok', 'ok', 'conflict', 'undetermined', 'applied-then-lost'];
    const stage = await scene();
    const clients = [stage.client, stage.gateway.connect(), stage.gateway.connect()];
    let sure = 0;
    let maybe = 0;
    for (let round = 0; round < 100; round++) {
      for (let i = 0; i < 4; i++) stage.kv.script.push(fates[rng.int(0, fates.length)]!);
      for (const client of clients) client.write('INCR k\r\n'.repeat(rng.int(1, 4)));
      await stage.gateway.clock.run(2_000);
      stage.kv.script.length = 0;
      for (const client of clients) {
        const output = await client.output();
        sure += output.match(/^:/gm)?.length ?? 0;
        maybe += output.match(/unknown/g)?.length ?? 0;
      }
    }
    const value = Number((await stage.client.line('GET k')).split('\r\n')[1]);
    expect(value).toBeGreaterThanOrEqual(sure);
    expect(value).toBeLessThanOrEqual(sure + maybe);
    expect(sure).toBeGreaterThan(100);
    expect(maybe).toBeGreaterThan(20);
  });
});
