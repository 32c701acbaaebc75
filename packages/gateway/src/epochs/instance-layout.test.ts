import { concatBytes, utf8 } from '@tinykv/base';
import { expect, test } from 'vitest';
import { databasePrefix, layoutKey } from '../model/keys.js';
import { testGateway } from '../testing/harness.js';
import { MemoryKv } from '../testing/memory-kv.js';
import { TestClock } from '../testing/test-clock.js';
import { checkLayout } from './instance-layout.js';

async function storeWith(key: Uint8Array, value: Uint8Array): Promise<MemoryKv> {
  const kv = new MemoryKv(new TestClock());
  const txn = await kv.begin();
  txn.put(key, value);
  await txn.commit();
  return kv;
}

/** As gateways of the first layout wrote the key `foo`. */
const OLD_META = concatBytes(databasePrefix(1, 0, 0), Uint8Array.of(0x6d, 0x2f, 0x96), utf8('foo'));

test('an empty instance gets the layout, also from several gateways at once', async () => {
  const kv = new MemoryKv(new TestClock());
  const outcomes = await Promise.allSettled([checkLayout(kv, 1), checkLayout(kv, 1)]);
  expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true);
  await checkLayout(kv, 1);
  expect(kv.liveKeys()).toEqual([layoutKey(1)]);
});

test('keys of the previous layout are left alone, and the error names the way out', async () => {
  const kv = await storeWith(OLD_META, Uint8Array.of(0x81, 1, 0x76));
  await expect(checkLayout(kv, 1)).rejects.toThrow(
    'the keys of instance 1 are laid out by earlier gateways (layout 1, here 2): serve them by gateways of that version, ' +
      'and copy them to another --instance of these',
  );
  await checkLayout(kv, 2);
});

test('a later layout is refused', async () => {
  const kv = await storeWith(layoutKey(1), Uint8Array.of(0, 0, 0, 3));
  await expect(checkLayout(kv, 1)).rejects.toThrow('by later gateways (layout 3, here 2)');
});

test('a gateway over the previous layout answers every command with the error, and writes nothing', async () => {
  const kv = await storeWith(OLD_META, Uint8Array.of(0x81, 1, 0x76));
  const gateway = await testGateway({ kv });
  const client = gateway.connect();
  for (const line of ['GET foo', 'SET foo v', 'DBSIZE', 'FLUSHALL']) {
    client.write(`${line}\r\n`);
  }
  await gateway.clock.run(15_000);
  const output = await client.output();
  expect(output.match(/layout 1, here 2/g)).toHaveLength(4);
  expect(kv.liveKeys()).toEqual([OLD_META]);
});
