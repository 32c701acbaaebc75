import { limits } from '@tinykv/base';
import { beforeEach, describe, expect, test } from 'vitest';
import { FaultyKv } from '../testing/faulty-kv.js';
import { type TestClient, testGateway } from '../testing/harness.js';
import { TestClock } from '../testing/test-clock.js';
import { META_HEAD_BYTES } from './meta-codec.js';

/** The requests that the store got. */
class Cost {
  requests = 0;
  pairs = 0;
  valueBytes = 0;
  /** Most requests at once. */
  atOnce = 0;
}

let client: TestClient;
let cost = new Cost();

beforeEach(async () => {
  const clock = new TestClock();
  let running = 0;
  const gateway = await testGateway({
    clock,
    wrap: (memory) => {
      const kv = new FaultyKv(memory);
      kv.afterScan = async (pairs) => {
        cost.requests++;
        cost.pairs += pairs.length;
        for (const { value } of pairs) cost.valueBytes += value.length;
        cost.atOnce = Math.max(cost.atOnce, ++running);
        await new Promise<void>((resolve) => clock.defer(resolve));
        running--;
      };
      return kv;
    },
  });
  cost = new Cost();
  client = gateway.connect();
});

async function fill(count: number, value: string, name: (i: number) => string): Promise<void> {
  for (let from = 0; from < count; from += 10_000) {
    const part = Array.from({ length: Math.min(10_000, count - from) }, (_, i) => name(from + i));
    await client.send(['MSET', ...part.flatMap((key) => [key, value])]);
  }
}

/** How many requests read so many keys of one range. */
function pagesOf(keys: number): number {
  return Math.ceil(keys / limits.clientScanPageKeys);
}

describe('keys alone', () => {
  test.each(['SCAN 0 COUNT 1', 'SCAN 0 COUNT 1000', 'KEYS *', 'DBSIZE'])(
    'of large values are read without the values: %s',
    async (line) => {
      await fill(200, 'x'.repeat(100_000), (i) => `key:${i}`);
      const output = await client.line(line);
      expect(output).toMatch(/^(:200\r\n|\*200\r\n|\*2\r\n)/);
      expect(cost.valueBytes).toBeLessThanOrEqual(META_HEAD_BYTES * cost.pairs);
    },
  );

  test('SCAN of few reads few', async () => {
    await fill(5_000, 'v', (i) => `key:${i}`);
    await client.line('SCAN 0 COUNT 10');
    expect(cost).toMatchObject({ requests: 1, pairs: 64 });
  });

  test('SCAN of many asks for many at a time', async () => {
    await fill(30_000, 'v', (i) => `key:${i}`);
    await client.line('SCAN 0 COUNT 30000');
    expect(cost.pairs).toBe(30_000);
    expect(cost.requests).toBeLessThanOrEqual(pagesOf(30_000));
  });

  test.each(['DBSIZE', 'KEYS key:*'])(
    'of a large database are read from several ranges at once: %s',
    async (line) => {
      await fill(30_000, 'v', (i) => `key:${i}`);
      const output = await client.line(line);
      expect(output).toMatch(/^[:*]30000\r\n/);
      expect(new Set(output.match(/key:\d+/g)).size).toBe(line === 'DBSIZE' ? 0 : 30_000);
      expect(cost.pairs).toBe(30_000);
      const { gatewayScanParts } = limits;
      expect(cost.requests).toBe(1 + gatewayScanParts * pagesOf(30_000 / gatewayScanParts));
      expect(cost.atOnce).toBe(limits.gatewayScanParts);
    },
  );

  test.each(['{first slot}', '{b}', '{last}'])(
    'are each counted once, where one slot has most of them: %s',
    async (tag) => {
      await fill(12_000, 'v', (i) => `${tag}${i}`);
      await fill(3_000, 'v', (i) => `key:${i}`);
      expect(await client.line('DBSIZE')).toBe(':15000\r\n');
      expect(cost.pairs).toBe(15_000);
      const [count, ...lines] = (await client.line('KEYS *')).split('\r\n');
      expect(count).toBe('*15000');
      // Each length is followed by its key.
      expect(new Set(lines.filter((_, at) => at % 2 === 1)).size).toBe(15_000);
    },
  );

  test.each(['DBSIZE', 'KEYS *', 'SCAN 0 COUNT 3000'])(
    'that all expire cost what keys without a time cost: %s',
    async (line) => {
      await fill(3_000, 'v', (i) => `key:${i}`);
      await client.line(line);
      const { pairs, requests } = cost;
      for (let i = 0; i < 3_000; i++) client.write(`EXPIRE key:${i} 1000\r\n`);
      await client.output();
      expect(await client.line('TTL key:2999')).toBe(':1000\r\n');
      cost.pairs = 0;
      cost.requests = 0;
      expect(await client.line(line)).toMatch(
        /^(:3000\r\n|\*3000\r\n|\*2\r\n.*\r\n0\r\n\*3000\r\n)/s,
      );
      expect(cost).toMatchObject({ pairs, requests });
    },
  );

  test('of a small database cost one request', async () => {
    await fill(1_000, 'v', (i) => `key:${i}`);
    expect(await client.line('DBSIZE')).toBe(':1000\r\n');
    expect(cost.requests).toBe(1);
  });
});
