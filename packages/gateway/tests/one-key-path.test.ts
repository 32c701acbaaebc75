/** Commands that change one key: what they cost, and what they do when others are faster. */
import { describe, expect, test } from 'vitest';
import type { KvWrite, KvWriter } from '../src/kv-port.js';
import { isTtlKey } from '../src/model/keys.js';
import { faultyGateway } from '../src/testing/faulty-gateway.js';
import { FaultyKv } from '../src/testing/faulty-kv.js';
import { type TestClient, type TestGateway, testGateway } from '../src/testing/harness.js';
import { MemoryKv } from '../src/testing/memory-kv.js';
import { TestClock } from '../src/testing/test-clock.js';

type Counts = MemoryKv['counts'];

/** The calls of the gateway that a request takes. */
async function cost(
  gateway: TestGateway,
  client: TestClient,
  line: string,
): Promise<Partial<Counts>> {
  const before = { ...gateway.kv.counts };
  await client.line(line);
  const spent: Partial<Counts> = {};
  for (const [name, count] of Object.entries(gateway.kv.counts)) {
    const more = count - before[name as keyof Counts];
    if (more > 0) spent[name as keyof Counts] = more;
  }
  return spent;
}

const OVERWRITE = { timestamp: 1, writeOneKey: 1, commit: 1 };
const CHANGE = { ...OVERWRITE, readNewest: 1 };

/** A store that can decide no write of one key. */
function unready<W extends KvWrite>(writes: readonly W[], _: number, writer: KvWriter<W>): void {
  for (const write of writes) writer.onWritten(write, 'unready');
}

async function faulty(): Promise<{ gateway: TestGateway; kv: FaultyKv; client: TestClient }> {
  const { gateway, kv } = await faultyGateway();
  return { gateway, kv, client: gateway.connect() };
}

describe('a command that changes one key', () => {
  test('costs a timestamp and a write, and a read beside the timestamp if it needs the value', async () => {
    const gateway = await testGateway();
    const client = gateway.connect();
    expect(await cost(gateway, client, 'SET a 1')).toEqual(OVERWRITE);
    expect(await cost(gateway, client, 'SET a 2')).toEqual(OVERWRITE);
    for (const line of [
      'INCR a',
      'APPEND a 0',
      'SETNX b 1',
      'GETSET a 9',
      'SET a 8 XX',
      'SETRANGE a 0 7',
    ]) {
      expect(await cost(gateway, client, line), line).toEqual(CHANGE);
    }
    expect(await cost(gateway, client, 'SETNX a 1')).toEqual({ timestamp: 1, readNewest: 1 });
    expect(await client.line('GETDEL a')).toBe('$1\r\n7\r\n');
    expect(await client.line('EXISTS a b')).toBe(':1\r\n');
  });

  test('takes a transaction where other records belong to the key', async () => {
    const gateway = await testGateway();
    const client = gateway.connect();
    await client.send(['SET', 'big', 'x'.repeat(200_000)]);
    await client.line('APPEND big y');
    expect(await client.line('STRLEN big')).toBe(':200001\r\n');
    await client.line('SET big small');
    expect(await client.line('GET big')).toBe('$5\r\nsmall\r\n');
  });

  test('writes the expiry entry of its key with it', async () => {
    const gateway = await testGateway();
    const client = gateway.connect();
    const entries = (): number => gateway.kv.liveKeys().filter(isTtlKey).length;
    for (const line of ['SET a 1 EX 100', 'SETEX b 100 1', 'PSETEX c 100000 1']) {
      expect(await cost(gateway, client, line), line).toEqual(OVERWRITE);
    }
    expect(entries()).toBe(3);
    for (const line of ['SET b 2 EX 50', 'SET b 3']) {
      expect(await cost(gateway, client, line), line).toEqual({
        ...CHANGE,
        timestamp: 2,
        writeOneKey: 2,
      });
    }
    expect(entries()).toBe(2);
    for (const line of ['EXPIRE b 10', 'EXPIRE b 20', 'PERSIST b', 'SET b 4 EX 9 XX', 'GETDEL a']) {
      expect(await cost(gateway, client, line), line).toEqual(CHANGE);
    }
    expect(entries()).toBe(2);
    expect(await client.line('TTL b')).toBe(':9\r\n');
    expect(gateway.core.state.stats.expiriesApart).toBe(0);
  });

  test('takes a transaction where the expiry entry lies in another Region, and is counted', async () => {
    let isApart = true;
    const gateway = await testGateway({
      wrap: (memory) => {
        const kv = new FaultyKv(memory);
        const write = kv.writeOneKeys.bind(kv);
        kv.writeOneKeys = (writes, timeoutMs, writer) => {
          const apart = writes.filter(({ companions }) => isApart && companions.length > 0);
          for (const one of apart) writer.onWritten(one, 'apart');
          write(
            writes.filter((one) => !apart.includes(one)),
            timeoutMs,
            writer,
          );
        };
        return kv;
      },
    });
    const client = gateway.connect();
    expect(await client.line('SET a 1 EX 100')).toBe('+OK\r\n');
    isApart = false;
    expect(await client.line('SET a 2 EX 50')).toBe('+OK\r\n');
    expect(await client.line('TTL a')).toBe(':50\r\n');
    expect(gateway.core.state.stats.expiriesApart).toBe(1);
    expect(gateway.kv.liveKeys().filter(isTtlKey)).toHaveLength(1);
  });

  test('keeps the TTL where it is, without a transaction', async () => {
    const gateway = await testGateway();
    const client = gateway.connect();
    await client.line('SET n 5 EX 100');
    expect(await cost(gateway, client, 'INCR n')).toEqual(CHANGE);
    expect(await client.line('TTL n')).toBe(':100\r\n');
    await gateway.clock.run(100_001);
    // A key that has expired is cleared away.
    expect(await client.line('INCR n')).toBe(':1\r\n');
    expect(await client.line('TTL n')).toBe(':-1\r\n');
  });

  test('that finds its key expired does not answer by it: another value may have stood between', async () => {
    const gateway = await testGateway();
    const client = gateway.connect();
    await client.line('SET n 5 PX 50');
    await gateway.clock.run(100);
    expect(await cost(gateway, client, 'GETDEL n')).toMatchObject({ readNewest: 1, begin: 1 });
  });

  test('is folded with others of its key into one write', async () => {
    const gateway = await testGateway();
    const clients = Array.from({ length: 20 }, () => gateway.connect());
    await clients[0]!.line('SET n 0');
    const before = gateway.kv.counts.commit;
    for (const client of clients) client.write('INCR n\r\n');
    const replies = await Promise.all(clients.map((client) => client.output()));
    expect(replies).toEqual(clients.map((_, i) => `:${i + 1}\r\n`));
    expect(gateway.kv.counts.commit - before).toBeLessThanOrEqual(2);
  });

  test('is noticed by those who watch the key', async () => {
    const clock = new TestClock();
    const kv = new MemoryKv(clock);
    const one = (await testGateway({ clock, kv, seed: 'one' })).connect();
    const two = (await testGateway({ clock, kv, seed: 'two' })).connect();
    await one.send(['SET', 'k', '1'], ['WATCH', 'k'], ['MULTI'], ['SET', 'k', 'mine']);
    await two.line('SET k 1');
    expect(await one.line('EXEC')).toBe('*-1\r\n');
  });
});

describe('a write of one key that goes wrong', () => {
  test('runs again on what another has written', async () => {
    const { gateway, kv, client } = await faulty();
    await client.line('SET n 1');
    const { clock, kv: memory } = gateway;
    const other = (await testGateway({ clock, kv: memory, seed: 'other' })).connect();
    kv.beforeCommit = async () => {
      kv.beforeCommit = undefined;
      const before = memory.counts.commit;
      other.write('INCR n\r\n');
      for (let i = 0; i < 1_000 && memory.counts.commit === before; i++) {
        clock.runDeferred();
        await Promise.resolve();
      }
    };
    client.write('INCR n\r\n');
    await gateway.clock.run(1_000);
    expect(await client.output()).toBe(':3\r\n');
  });

  test('whose outcome is lost is reported as unknown, and never done twice', async () => {
    const { kv, client } = await faulty();
    await client.line('SET n 1');
    kv.script.push('applied-then-lost');
    expect(await client.line('INCR n')).toMatch(/^-.*may or may not|^-.*unknown|^-UN/i);
    expect(await client.line('GET n')).toBe('$1\r\n2\r\n');
    expect(kv.fates).toHaveLength(2);
  });

  test('that the store cannot decide takes a transaction', async () => {
    const memory = { unready: true };
    const gateway = await testGateway({
      wrap: (kv) =>
        new Proxy(kv, {
          get: (target, name) => {
            if (name === 'writeOneKeys' && memory.unready) return unready;
            const value: unknown = Reflect.get(target, name);
            return typeof value === 'function' ? value.bind(target) : value;
          },
        }),
    });
    const client = gateway.connect();
    expect(await cost(gateway, client, 'SET a 1')).toEqual({ timestamp: 1, begin: 1, commit: 1 });
    expect(await client.line('INCR a')).toBe(':2\r\n');
  });
});
