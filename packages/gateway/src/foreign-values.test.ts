import { concatBytes, utf8 } from '@tinykv/base';
import { expect, test } from 'vitest';
import { databasePrefix, gatewayKey, gcKey, metaKey, objectId, slotStart } from './model/keys.js';
import { slotOf } from './model/slot.js';
import { type TestClient, type TestGateway, testGateway } from './testing/harness.js';

const FOREIGN = utf8('not a record of a gateway');
const PREFIX = databasePrefix(1, 0, 0);
const UNREADABLE = '-ERR stored record is not readable by this gateway\r\n';

/** Another program has written these keys of the store. */
async function put(gateway: TestGateway, ...keys: readonly Uint8Array[]): Promise<void> {
  const txn = await gateway.kv.begin();
  for (const key of keys) txn.put(key, FOREIGN);
  await txn.commit();
}

async function withForeign(): Promise<{ gateway: TestGateway; client: TestClient }> {
  const gateway = await testGateway();
  const client = gateway.connect();
  await client.send(['MSET', 'a', '1', 'b', '2'], ['SET', 'ttl', 'v', 'EX', '100']);
  await put(gateway, metaKey(PREFIX, utf8('bad')));
  return { gateway, client };
}

test('a foreign value is an error of its key alone', async () => {
  const { client } = await withForeign();
  for (const line of [
    'GET bad',
    'SET bad x',
    'APPEND bad x',
    'INCR bad',
    'TYPE bad',
    'TTL bad',
    'EXPIRE bad 10',
    'GETDEL bad',
    'STRLEN bad',
    'MSET a 5 bad x',
  ]) {
    expect(await client.line(line), line).toBe(UNREADABLE);
  }
  expect(await client.line('GET a')).toBe('$1\r\n1\r\n');
  expect(await client.line('MGET a bad b')).toBe('*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n2\r\n');
  expect(await client.line('EXISTS a bad none')).toBe(':2\r\n');
  expect(await client.line('EXISTS bad')).toBe(':1\r\n');
  expect(await client.line('MSETNX a 5 bad x')).toBe(':0\r\n');
});

test('reads of it in one turn have each their own answer', async () => {
  const { gateway } = await withForeign();
  const [reader, asker] = [gateway.connect(), gateway.connect()];
  reader.write('GET bad\r\n');
  asker.write('EXISTS bad\r\n');
  await gateway.clock.settle();
  expect([await reader.output(), await asker.output()]).toEqual([UNREADABLE, ':1\r\n']);
});

test('KEYS, SCAN and DBSIZE go on, and name the key', async () => {
  const { client } = await withForeign();
  const keys = await client.line('KEYS *');
  for (const key of ['a', 'b', 'ttl', 'bad']) expect(keys).toContain(`\r\n${key}\r\n`);
  expect(await client.line('SCAN 0 COUNT 100')).toMatch(/^\*2\r\n\$1\r\n0\r\n\*4\r\n/);
  expect(await client.line('SCAN 0 COUNT 100 TYPE string')).toMatch(/^\*2\r\n\$1\r\n0\r\n\*3\r\n/);
  expect(await client.line('DBSIZE')).toBe(':4\r\n');
});

test.each(['DEL', 'UNLINK'])('%s removes it', async (name) => {
  const { client } = await withForeign();
  expect(await client.line(`${name} a bad none`)).toBe(':2\r\n');
  expect(await client.line('SET bad good')).toBe('+OK\r\n');
  expect(await client.line('GET bad')).toBe('$4\r\ngood\r\n');
});

test('in EXEC it is an error of its command alone, and WATCH takes it as it is', async () => {
  const { gateway, client } = await withForeign();
  await client.send(['WATCH', 'bad'], ['MULTI'], ['SET', 'a', '7'], ['GET', 'bad']);
  expect(await client.send(['GET', 'a'], ['EXEC'])).toBe(
    `+QUEUED\r\n*3\r\n+OK\r\n${UNREADABLE}$1\r\n7\r\n`,
  );
  await client.line('WATCH bad');
  await put(gateway, metaKey(PREFIX, utf8('bad')));
  expect(await client.send(['MULTI'], ['PING'], ['EXEC'])).toBe('+OK\r\n+QUEUED\r\n*-1\r\n');
});

test('keys among the records of a database that name no Redis key are passed over', async () => {
  const { gateway, client } = await withForeign();
  const metas = concatBytes(PREFIX, utf8('m'));
  await put(gateway, metas, concatBytes(metas, utf8('x')), concatBytes(metas, utf8('\xff\xffzz')));
  expect(await client.line('DBSIZE')).toBe(':4\r\n');
  expect(await client.line('SCAN 0 COUNT 100')).toMatch(/^\*2\r\n\$1\r\n0\r\n\*4\r\n/);
});

test('background work goes on past foreign records', async () => {
  const gateway = await testGateway({ config: { sweepMs: 100, gcDelayMs: 1_000, databases: 1 } });
  const client = gateway.connect();
  await put(
    gateway,
    concatBytes(slotStart(PREFIX, slotOf(utf8('short'))), Uint8Array.of(1, 0)),
    gcKey(1, 1n, objectId(1n, 1)),
    gatewayKey(1, utf8('other')),
  );
  await client.send(['SET', 'short', 'v', 'PX', '500'], ['SET', 'long', 'x'.repeat(300_000)]);
  await client.line('DEL long');
  await gateway.clock.run(20_000);
  const { expiredKeys, collectedKeys } = gateway.core.state.stats;
  expect([expiredKeys, collectedKeys]).toEqual([1, 2]);
  client.write('FLUSHDB\r\n');
  await gateway.clock.run(20_000);
  expect(await client.output()).toBe('+OK\r\n');
});
