import { limits } from '@tinykv/base';
import { describe, expect, test } from 'vitest';
import { faultyGateway } from '../testing/faulty-gateway.js';
import type { FaultyKv } from '../testing/faulty-kv.js';
import type { TestClient, TestGateway } from '../testing/harness.js';

interface World {
  readonly gateway: TestGateway;
  readonly kv: FaultyKv;
  readonly clients: readonly TestClient[];
}

async function world(sessions: number, config = {}): Promise<World> {
  const { gateway, kv } = await faultyGateway({ config });
  return { gateway, kv, clients: Array.from({ length: sessions }, () => gateway.connect()) };
}

describe('a turn', () => {
  test('gives every command of a key what those before it left, whatever they are', async () => {
    const { gateway, clients } = await world(1);
    const [client] = clients as [TestClient];
    await client.line('SET k old');
    const { timestamp, commit } = gateway.kv.counts;
    // The first one holds the queue of the key: the others run together after it.
    const answers = await client.send(
      ['SET', 'k', '1'],
      ['SET', 'k', '5'],
      ['INCR', 'k'],
      ['GET', 'k'],
      ['DEL', 'k'],
      ['EXISTS', 'k'],
      ['APPEND', 'k', 'ab'],
    );
    expect(answers).toBe('+OK\r\n+OK\r\n:6\r\n$1\r\n6\r\n:1\r\n:0\r\n:2\r\n');
    expect(await client.line('GET k')).toBe('$2\r\nab\r\n');
    expect(gateway.kv.counts.commit - commit).toBe(2);
    expect(gateway.kv.counts.timestamp - timestamp).toBe(2);
  });

  test('a command behind an overwriting one that answers an error looks at the key', async () => {
    const { clients } = await world(1);
    const [client] = clients as [TestClient];
    await client.line('SET k old');
    const answers = await client.send(
      ['SET', 'k', 'new'],
      ['PSETEX', 'k', '0', 'never'],
      ['GET', 'k'],
      ['SETEX', 'k', '-1', 'never'],
      ['APPEND', 'k', 'er'],
    );
    const refusal = (name: string): string => `-ERR invalid expire time in '${name}' command\r\n`;
    const expected = ['+OK\r\n', refusal('psetex'), '$3\r\nnew\r\n', refusal('setex'), ':5\r\n'];
    expect(answers).toBe(expected.join(''));
    expect(await client.line('GET k')).toBe('$5\r\nnewer\r\n');
  });

  test('a command that an overwriting one stood before looks at the key when that is answered', async () => {
    const { gateway, kv, clients } = await world(3, { commandTimeoutMs: 1_000 });
    const [first, early, late] = clients as [TestClient, TestClient, TestClient];
    await first.line('SET k 7');
    // Holds the queue of the key.
    let open: (() => void) | undefined;
    kv.beforeCommit = () => new Promise((resolve) => (open = resolve));
    first.write('SET k 8\r\n');
    await gateway.clock.settle();
    early.write('SET k 100\r\n');
    await gateway.clock.run(500);
    late.write('INCR k\r\n');
    await gateway.clock.run(600);
    // The time of both SETs is over, that of INCR is not.
    expect(await early.output()).toMatch(/^-CLUSTERDOWN Nothing was applied/);
    kv.beforeCommit = undefined;
    open!();
    expect(await late.output()).toBe(':9\r\n');
  });

  test('each key has an outcome of its own', async () => {
    const { kv, clients } = await world(3);
    kv.script.push('ok', 'unavailable', 'applied-then-lost');
    for (const [i, client] of clients.entries()) client.write(`SET k${i} v\r\n`);
    expect(await clients[0]!.output()).toBe('+OK\r\n');
    expect(await clients[1]!.output()).toMatch(/^-CLUSTERDOWN .*nothing was applied/);
    expect(await clients[2]!.output()).toBe('-ERR commit result unknown\r\n');
    expect(await clients[0]!.line('MGET k0 k1 k2')).toBe('*3\r\n$1\r\nv\r\n$-1\r\n$1\r\nv\r\n');
  });

  test('has a limit, and what does not fit comes in the next one', async () => {
    const perSession = limits.gatewaySessionInflightMax;
    const sessions = Math.ceil(limits.gatewayTurnGroupsMax / perSession) + 1;
    const { gateway, clients } = await world(sessions);
    const before = gateway.kv.counts.timestamp;
    for (const [i, client] of clients.entries()) {
      client.write(Array.from({ length: perSession }, (_, k) => `SET k${i}:${k} v\r\n`).join(''));
    }
    for (const client of clients) expect(await client.output()).toBe('+OK\r\n'.repeat(perSession));
    expect(gateway.kv.counts.timestamp - before).toBe(2);
  });
});
