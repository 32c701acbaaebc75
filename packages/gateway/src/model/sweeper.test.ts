import { limits } from '@tinykv/base';
import { describe, expect, test } from 'vitest';
import { FaultyKv } from '../testing/faulty-kv.js';
import { type TestGateway, testGateway } from '../testing/harness.js';
import { MemoryKv } from '../testing/memory-kv.js';
import { TestClock } from '../testing/test-clock.js';

const sweeping = { sweepMs: 100, gcDelayMs: 1_000, databases: 4 };

/** Keys of databases: not those of gateways and epochs. */
function dataKeys(gateway: TestGateway): number {
  return gateway.kv.liveKeys().filter((key) => key[5] === 0).length;
}

function gcItems(gateway: TestGateway): number {
  return gateway.kv.liveKeys().filter((key) => key[5] === 0x67).length;
}

describe('the sweeper', () => {
  test('removes what has expired, with its index, and nothing else', async () => {
    const gateway = await testGateway({ config: sweeping });
    const client = gateway.connect();
    for (let i = 0; i < 300; i++) client.write(`SET gone:${i} v PX 500\r\n`);
    await client.send(['SET', 'later', 'v', 'EX', '100'], ['SET', 'kept', 'v', 'PX', '500']);
    await client.send(['PERSIST', 'kept'], ['SET', 'plain', 'v']);
    await gateway.clock.run(3_000);
    expect(dataKeys(gateway)).toBe(4);
    expect(gateway.core.state.stats.expiredKeys).toBe(300);
    expect(await client.line('MGET gone:1 kept plain later')).toBe(
      '*4\r\n$-1\r\n$1\r\nv\r\n$1\r\nv\r\n$1\r\nv\r\n',
    );
  });

  test('removes a key within two sweeps of its time, in whichever slot, and looks at no slot before', async () => {
    const gateway = await testGateway({ config: { ...sweeping, databases: 1 } });
    const client = gateway.connect();
    const left = (): number => dataKeys(gateway);
    for (let i = 0; i < 1_000; i++) client.write(`SET k:${i} v PX ${1_000 + 10 * i}\r\n`);
    await gateway.clock.settle();
    const begun = gateway.clock.mono();
    while (left() > 0) {
      await gateway.clock.run(100);
      const past = Math.floor((gateway.clock.mono() - begun - 1_000 - 2 * sweeping.sweepMs) / 10);
      expect(left()).toBeLessThanOrEqual(2 * (1_000 - Math.max(0, past)));
    }
    expect(gateway.core.state.stats.expiredKeys).toBe(1_000);
  });

  test('that has just begun finds what others have left, in one walk over all slots', async () => {
    const clock = new TestClock();
    const kv = new MemoryKv(clock);
    const first = await testGateway({ clock, kv, seed: 'first' });
    const client = first.connect();
    for (let i = 0; i < 300; i++) client.write(`SET gone:${i} v PX 500\r\n`);
    await client.line('SET later v EX 1000');
    await testGateway({ clock, kv, seed: 'second', config: sweeping });
    // 32 sweeps for the database that has keys, one for two others; they are removed up to six pauses later.
    await clock.run(100 * (32 + 2 + 8));
    expect(dataKeys(first)).toBe(2);
  });

  test('with nothing due takes two requests of the store, however many keys there are', async () => {
    let requests = 0;
    const gateway = await testGateway({
      config: { ...sweeping, databases: 1 },
      wrap: (memory) => {
        const kv = new FaultyKv(memory);
        kv.afterScan = async (pairs) => {
          requests++;
          expect(pairs.length).toBeLessThanOrEqual(512);
        };
        return kv;
      },
    });
    const client = gateway.connect();
    for (let i = 0; i < 2_000; i++) client.write(`SET k:${i} v EX 10000\r\n`);
    await gateway.clock.run(1_000);
    const before = { ...gateway.kv.counts };
    requests = 0;
    await gateway.clock.run(10_000);
    const sweeps = 10_000 / sweeping.sweepMs;
    expect(requests).toBeLessThanOrEqual(2 * sweeps + 4);
    expect(gateway.kv.counts.begin - before.begin).toBeLessThanOrEqual(2 * sweeps + 2);
    expect(gateway.kv.counts.commit).toBe(before.commit);
  });

  test('a key that is due but not swept is not there', async () => {
    const gateway = await testGateway();
    const client = gateway.connect();
    await client.line('SET k v PX 500');
    await gateway.clock.run(499);
    expect(await client.line('PTTL k')).toBe(':1\r\n');
    await gateway.clock.run(1);
    expect(await client.line('GET k')).toBe('$-1\r\n');
    expect(await client.line('EXISTS k')).toBe(':0\r\n');
    expect(await client.line('DBSIZE')).toBe(':0\r\n');
    expect(await client.line('SETNX k w')).toBe(':1\r\n');
    expect(await client.line('TTL k')).toBe(':-1\r\n');
  });

  test('collects the chunks of strings that were deleted, replaced or expired', async () => {
    const gateway = await testGateway({ config: sweeping });
    const client = gateway.connect();
    const long = 'v'.repeat(3 * limits.gatewayChunkBytes);
    await client.send(['SET', 'a', long], ['SET', 'b', long], ['SET', 'c', long, 'PX', '500']);
    expect(dataKeys(gateway)).toBe(3 * 4 + 1);
    await client.send(['DEL', 'a'], ['SET', 'b', 'short']);
    expect(gcItems(gateway)).toBe(2);
    await gateway.clock.run(5_000);
    expect(await client.line('GET b')).toBe('$5\r\nshort\r\n');
    expect(dataKeys(gateway)).toBe(1);
    expect(gcItems(gateway)).toBe(0);
    expect(gateway.core.state.stats.collectedKeys).toBe(9);
  });

  test('collects databases that were flushed, more keys than one step takes', async () => {
    const gateway = await testGateway({ config: sweeping });
    const client = gateway.connect();
    const pairs = Array.from({ length: 1_000 }, (_, i) => [`k${i}`, 'v']).flat();
    await client.send(['MSET', ...pairs], ['FLUSHALL'], ['SET', 'after', 'v']);
    expect(dataKeys(gateway)).toBe(1_001);
    await gateway.clock.run(5_000);
    expect(dataKeys(gateway)).toBe(1);
    expect(gcItems(gateway)).toBe(0);
    expect(await client.line('GET after')).toBe('$1\r\nv\r\n');
  });

  test('gateways that sweep the same do not stop each other', async () => {
    const clock = new TestClock();
    const kv = new MemoryKv(clock);
    const gateways = [
      await testGateway({ clock, kv, seed: 'a', config: sweeping }),
      await testGateway({ clock, kv, seed: 'b', config: sweeping }),
    ];
    const client = gateways[0]!.connect();
    for (let i = 0; i < 1_000; i++) client.write(`SET k${i} v PX ${500 + i}\r\n`);
    await clock.run(10_000);
    expect(dataKeys(gateways[0]!)).toBe(0);
  });
});
