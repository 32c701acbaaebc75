import { limits, Prng } from '@tinykv/base';
import { describe, expect, test } from 'vitest';
import { faultyGateway } from '../src/testing/faulty-gateway.js';
import { FaultyKv } from '../src/testing/faulty-kv.js';
import { type TestClient, testGateway } from '../src/testing/harness.js';
import { MemoryKv } from '../src/testing/memory-kv.js';
import { TestClock } from '../src/testing/test-clock.js';

describe('multi_lua_atomic_over_regions: MULTI', () => {
  test('all or none: a commit that fails leaves nothing', async () => {
    const { gateway, kv } = await faultyGateway();
    const client = gateway.connect();
    kv.script.push('unavailable');
    await client.send(['MULTI'], ['SET', 'a', '1'], ['SET', 'b', '2'], ['INCR', 'a']);
    expect(await client.line('EXEC')).toMatch(/^-CLUSTERDOWN/);
    expect(await client.line('MGET a b')).toBe('*2\r\n$-1\r\n$-1\r\n');
    expect(await client.line('EXEC')).toBe('-ERR EXEC without MULTI\r\n');
  });

  test('a conflict runs the whole of EXEC again, from the state before it', async () => {
    const { gateway, kv } = await faultyGateway();
    const client = gateway.connect();
    kv.script.push('conflict', 'conflict');
    await client.send(['MULTI'], ['INCR', 'n'], ['SELECT', '3'], ['INCR', 'n']);
    client.write('EXEC\r\n');
    await gateway.clock.run(1_000);
    expect(await client.output()).toBe('*3\r\n:1\r\n+OK\r\n:1\r\n');
    expect(await client.line('GET n')).toBe('$1\r\n1\r\n');
    await client.line('SELECT 0');
    expect(await client.line('GET n')).toBe('$1\r\n1\r\n');
  });

  test('WATCH: a write through another gateway aborts EXEC', async () => {
    const clock = new TestClock();
    const kv = new MemoryKv(clock);
    const one = await testGateway({ clock, kv, seed: 'one' });
    const two = await testGateway({ clock, kv, seed: 'two' });
    const client = one.connect();
    const other = two.connect();
    await client.send(['SET', 'k', '1'], ['WATCH', 'k'], ['MULTI'], ['SET', 'k', 'mine']);
    await other.line('SET k theirs');
    expect(await client.line('EXEC')).toBe('*-1\r\n');
    expect(await client.line('GET k')).toBe('$6\r\ntheirs\r\n');
  });

  test('WATCH: a write that lands between the check and the commit aborts EXEC', async () => {
    const clock = new TestClock();
    const memory = new MemoryKv(clock);
    const kv = new FaultyKv(memory);
    const one = await testGateway({ clock, kv: memory, seed: 'one', wrap: () => kv });
    const two = await testGateway({ clock, kv: memory, seed: 'two' });
    const client = one.connect();
    const other = two.connect();
    await client.send(['SET', 'watched', '1'], ['WATCH', 'watched'], ['MULTI']);
    await client.send(['SET', 'written', 'x']);
    kv.beforeCommit = async () => {
      kv.beforeCommit = undefined;
      await other.line('SET watched 2');
    };
    client.write('EXEC\r\n');
    await clock.settle();
    await clock.run(1_000);
    expect(await client.output()).toBe('*-1\r\n');
    expect(await client.line('EXISTS written')).toBe(':0\r\n');
  });

  test('WATCH: a key that expires meanwhile aborts EXEC', async () => {
    const gateway = await testGateway();
    const client = gateway.connect();
    await client.send(['SET', 'k', '1', 'PX', '500'], ['WATCH', 'k'], ['MULTI'], ['PING']);
    await gateway.clock.run(501);
    expect(await client.line('EXEC')).toBe('*-1\r\n');
  });

  test('transfers over several gateways keep the sum, and readers never see half of one', async () => {
    const clock = new TestClock();
    const kv = new MemoryKv(clock);
    const gateways = [
      await testGateway({ clock, kv, seed: 'a' }),
      await testGateway({ clock, kv, seed: 'b' }),
    ];
    const rng = new Prng('bank');
    const accounts = Array.from({ length: 5 }, (_, i) => `acc${i}`);
    const setup = gateways[0]!.connect();
    await setup.send(['MSET', ...accounts.flatMap((name) => [name, '100'])]);
    const clients = gateways.flatMap((gateway) => [gateway.connect(), gateway.connect()]);
    const reader = gateways[1]!.connect();
    const expected = new Map(accounts.map((name) => [name, 100]));
    const conflicts = kv.counts.conflict;
    const rows: number[][] = [];
    for (let round = 0; round < 100; round++) {
      for (const client of clients) transfer(client, expected, rng);
      reader.write(`MGET ${accounts.join(' ')}\r\n`);
      await clock.run(rng.int(0, 3));
      rows.push(...(await rowsOf(reader)));
    }
    await clock.run(5_000);
    rows.push(...(await rowsOf(reader)));
    expect(rows).toHaveLength(100);
    for (const row of rows) expect(sumOf(row)).toBe(500);
    // Readers have seen states on the way, and writers have met each other.
    expect(new Set(rows.map(String)).size).toBeGreaterThan(10);
    expect(kv.counts.conflict).toBeGreaterThan(conflicts);
    for (const client of clients) {
      const output = await client.output();
      expect(output).not.toMatch(/^-/m);
      expect(output.match(/\*2\r\n:-?\d+\r\n:-?\d+\r\n/g)).toHaveLength(100);
    }
    reader.write(`MGET ${accounts.join(' ')}\r\n`);
    expect(await rowsOf(reader)).toEqual([[...expected.values()]]);
  });

  test('two transactions that each decide on what the other writes: one runs after the other', async () => {
    const clock = new TestClock();
    const memory = new MemoryKv(clock);
    const kv = new FaultyKv(memory);
    const one = await testGateway({ clock, kv: memory, seed: 'one', wrap: () => kv });
    const two = await testGateway({ clock, kv: memory, seed: 'two' });
    const client = one.connect();
    const other = two.connect();
    await client.send(['MULTI'], ['EXISTS', 'b'], ['SET', 'a', '1']);
    await other.send(['MULTI'], ['EXISTS', 'a'], ['SET', 'b', '1']);
    let theirs = '';
    kv.beforeCommit = async () => {
      kv.beforeCommit = undefined;
      theirs = await other.line('EXEC');
    };
    client.write('EXEC\r\n');
    await clock.settle();
    await clock.run(1_000);
    expect(theirs).toBe('*2\r\n:0\r\n+OK\r\n');
    expect(await client.output()).toBe('*2\r\n:1\r\n+OK\r\n');
  });
});

describe('limits are refused before anything is proposed', () => {
  test('a key that the store cannot hold', async () => {
    const { kv, connect } = await testGateway();
    const client = connect();
    const commits = kv.counts.commit;
    const key = 'k'.repeat(limits.gatewayKeyBytesMax + 1);
    expect(await client.send(['SET', key, 'v'])).toContain('ERR key is longer');
    expect(await client.send(['MULTI'], ['SET', key, 'v'], ['EXEC'])).toContain('-EXECABORT');
    expect(await client.send(['SET', key.slice(1), 'v', 'EX', '100'])).toBe('+OK\r\n');
    expect(kv.counts.commit - commits).toBe(1);
  });

  test('a transaction that writes too much', async () => {
    const { kv, connect } = await testGateway();
    const client = connect();
    const value = 'v'.repeat(limits.gatewayBulkBytesMax - 1);
    await client.send(['MULTI'], ['SET', 'a', value], ['APPEND', 'a', 'x'], ['SET', 'b', value]);
    const commits = kv.counts.commit;
    expect(await client.line('EXEC')).toMatch(/^-(ERR transaction writes|EXECABORT)/);
    expect(kv.counts.commit - commits).toBe(0);
    expect(await client.line('EXISTS a b')).toBe(':0\r\n');
  });

  test('more commands than MULTI keeps', async () => {
    const { connect } = await testGateway();
    const client = connect();
    await client.line('MULTI');
    client.write('PING\r\n'.repeat(limits.gatewayMultiCommandsMax + 1));
    expect(await client.output()).toContain('ERR transaction is too large');
    expect(await client.line('EXEC')).toMatch(/^-EXECABORT/);
  });
});

/** Sends a transfer, and notes what it comes to: sums do not depend on the order of transfers. */
function transfer(client: TestClient, expected: Map<string, number>, rng: Prng): void {
  const accounts = [...expected.keys()];
  const from = accounts[rng.int(0, accounts.length)]!;
  const to = accounts[rng.int(0, accounts.length)]!;
  const amount = rng.int(1, 10);
  expected.set(from, expected.get(from)! - amount);
  expected.set(to, expected.get(to)! + amount);
  client.write(`MULTI\r\nDECRBY ${from} ${amount}\r\nINCRBY ${to} ${amount}\r\nEXEC\r\n`);
}

/** The balances in the MGET replies that have come. */
async function rowsOf(reader: TestClient): Promise<number[][]> {
  const output = await reader.output();
  const numbers = [...output.matchAll(/\$\d+\r\n(-?\d+)\r\n/g)].map((match) => Number(match[1]));
  const out: number[][] = [];
  for (let i = 0; i < numbers.length; i += 5) out.push(numbers.slice(i, i + 5));
  return out;
}

function sumOf(row: readonly number[]): number {
  return row.reduce((sum, value) => sum + value, 0);
}
