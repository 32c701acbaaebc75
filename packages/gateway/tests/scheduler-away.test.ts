import { describe, expect, test } from 'vitest';
import { FaultyKv } from '../src/testing/faulty-kv.js';
import { type TestClient, type TestGateway, testGateway } from '../src/testing/harness.js';
import { MemoryKv } from '../src/testing/memory-kv.js';
import { TestClock } from '../src/testing/test-clock.js';

interface World {
  readonly clock: TestClock;
  readonly kv: MemoryKv;
  readonly gateways: readonly TestGateway[];
  readonly links: readonly FaultyKv[];
  readonly clients: readonly TestClient[];
}

async function world(count: number): Promise<World> {
  const clock = new TestClock();
  const kv = new MemoryKv(clock);
  const links: FaultyKv[] = [];
  const gateways: TestGateway[] = [];
  for (let i = 0; i < count; i++) {
    const link = new FaultyKv(kv);
    links.push(link);
    gateways.push(await testGateway({ clock, kv, seed: `gateway ${i}`, wrap: () => link }));
  }
  return { clock, kv, gateways, links, clients: gateways.map((gateway) => gateway.connect()) };
}

describe('with the scheduler away', () => {
  test('reads of one key go on, for as long as it takes', async () => {
    const { clock, links, clients } = await world(1);
    const [client] = clients;
    await client!.line('SET k v');
    links[0]!.schedulerAway = true;
    for (let second = 0; second < 60; second++) {
      await clock.run(1_000);
      expect(await client!.line('GET k')).toBe('$1\r\nv\r\n');
      expect(await client!.line('GET missing')).toBe('$-1\r\n');
    }
  });

  test('a write fails at once and names the scheduler', async () => {
    const { links, clients } = await world(1);
    links[0]!.schedulerAway = true;
    expect(await clients[0]!.line('SET k v')).toMatch(/^-CLUSTERDOWN .*scheduler s:1 is away/);
    expect(await clients[0]!.line('FLUSHALL')).toMatch(/^-CLUSTERDOWN .*scheduler s:1 is away/);
    expect(await clients[0]!.line('MGET a b')).toMatch(/^-CLUSTERDOWN .*scheduler s:1 is away/);
  });

  test('a database that was flushed by another gateway is seen as it is', async () => {
    const { clock, links, clients } = await world(2);
    await clients[0]!.line('SET k v');
    // Only the second gateway has lost the scheduler: it cannot acknowledge, so the flush waits for its lease.
    links[1]!.schedulerAway = true;
    const begunMono = clock.mono();
    clients[0]!.write('FLUSHALL\r\n');
    while (clients[0]!.connection.output === '') {
      await clock.run(10);
      expect(clock.mono() - begunMono).toBeLessThan(4_000);
    }
    expect(await clients[0]!.output()).toBe('+OK\r\n');
    expect(clock.mono() - begunMono).toBeGreaterThan(3_000);
    clients[1]!.write('GET k\r\n');
    await clock.run(1_000);
    expect(await clients[1]!.output()).toBe('$-1\r\n');
  });

  test('a steady gateway asks for no timestamp to keep its lease, and writes nothing', async () => {
    const { clock, kv } = await world(1);
    const { begin, timestamp, commit } = kv.counts;
    await clock.run(10_000);
    expect(kv.counts).toMatchObject({ begin, timestamp, commit });
  });
});

describe('keys with a TTL, with the scheduler away', () => {
  test.each([
    ['alive by the upper bound', 1_000, '$1\r\nv\r\n'],
    ['alive just below the upper bound', 9_520, '$1\r\nv\r\n'],
    ['expired by the lower bound', 10_530, '$-1\r\n'],
    ['expired for long', 60_000, '$-1\r\n'],
  ])('%s', async (_, ms, answer) => {
    const { clock, links, clients } = await world(1);
    await clients[0]!.line('SET k v PX 10000');
    links[0]!.schedulerAway = true;
    await clock.run(ms);
    expect(await clients[0]!.line('GET k')).toBe(answer);
    expect(await clients[0]!.line('EXISTS k')).toBe(answer === '$-1\r\n' ? ':0\r\n' : ':1\r\n');
  });

  test.each([9_530, 10_000, 10_520])('in between, an error names the scheduler: %d', async (ms) => {
    const { clock, links, clients } = await world(1);
    await clients[0]!.line('SET k v PX 10000');
    links[0]!.schedulerAway = true;
    await clock.run(ms);
    expect(await clients[0]!.line('GET k')).toMatch(
      /^-CLUSTERDOWN .*whether the key has expired is not known: the scheduler s:1 is away/,
    );
  });

  test('the scheduler decides again once it is back', async () => {
    const { clock, links, clients } = await world(1);
    await clients[0]!.line('SET k v PX 10000');
    links[0]!.schedulerAway = true;
    await clock.run(9_900);
    expect(await clients[0]!.line('GET k')).toMatch(/^-CLUSTERDOWN/);
    links[0]!.schedulerAway = false;
    expect(await clients[0]!.line('GET k')).toBe('$1\r\nv\r\n');
    await clock.run(100);
    expect(await clients[0]!.line('GET k')).toBe('$-1\r\n');
  });
});

describe('a slow machine', () => {
  test('renewals that take longer than the lease refuse no command', async () => {
    const { clock, links, clients } = await world(1);
    await clients[0]!.line('SET k v');
    links[0]!.beforeVersions = () => new Promise((resolve) => clock.after(4_000, resolve));
    await clock.run(3_500);
    for (let i = 0; i < 20; i++) {
      clients[0]!.write('GET k\r\n');
      await clock.run(700);
    }
    await clock.run(9_000);
    expect(await clients[0]!.output()).toBe('$1\r\nv\r\n'.repeat(20));
  });

  test('every command is answered within the command time-out', async () => {
    const { clock, links, clients } = await world(1);
    const [client] = clients;
    await client!.line('SET k v');
    links[0]!.gate = new Promise(() => {});
    client!.write('SET k w\r\nSET k x\r\nMGET k l\r\n');
    await clock.run(9_999);
    expect(client!.connection.output).toBe('');
    await clock.run(1);
    expect(await client!.output()).toBe(
      '-CLUSTERDOWN Nothing was applied: the command took over 10000 ms\r\n'.repeat(3),
    );
  });

  test('a commit that has no answer by then is told as unknown', async () => {
    const { clock, links, clients } = await world(1);
    links[0]!.beforeCommit = () => new Promise(() => {});
    clients[0]!.write('SET k w\r\n');
    await clock.run(10_000);
    expect(await clients[0]!.output()).toBe('-ERR commit result unknown\r\n');
  });

  test('what was answered as not applied is not applied later', async () => {
    const { clock, links, clients } = await world(1);
    let open = (): void => undefined;
    links[0]!.gate = new Promise((resolve) => {
      open = resolve;
    });
    clients[0]!.write('SET k w\r\n');
    await clock.run(10_000);
    expect(await clients[0]!.output()).toMatch(/^-CLUSTERDOWN Nothing was applied/);
    links[0]!.gate = undefined;
    open();
    await clock.run(5_000);
    expect(await clients[0]!.line('GET k')).toBe('$-1\r\n');
  });
});
