import { fromUtf8, utf8 } from '@tinykv/base';
import type { Client, KvPair, ScanOptions, Txn } from '@tinykv/client';
import { beforeEach, describe, expect, it } from 'vitest';
import { Scenario } from './scenario.js';

let s: Scenario;
let client: Client;

beforeEach(async ({ task }) => {
  s = await Scenario.start(task.name);
  client = s.cluster.clients[0]!.client!;
});

const text = (value: Uint8Array | undefined): string | undefined => value && fromUtf8(value);
const pairText = ({ key, value }: KvPair): string => `${fromUtf8(key)}=${fromUtf8(value)}`;
const keys = (...names: string[]): Uint8Array[] => names.map(utf8);
const begin = (): Promise<Txn> => s.wait(client.txn.begin({ pessimistic: true }));

/** Commits `key=value` pairs; `key` alone deletes it. */
async function write(...pairs: string[]): Promise<void> {
  const run = client.txn.run(async (txn) => {
    for (const pair of pairs) {
      const [key = '', value] = pair.split('=');
      if (value === undefined) txn.delete(utf8(key));
      else txn.put(utf8(key), utf8(value));
    }
  });
  await s.wait(run);
}

async function get(txn: Txn, key: string): Promise<string | undefined> {
  return text(await s.wait(txn.get(utf8(key))));
}

async function batchGet(txn: Txn, ...names: string[]): Promise<(string | undefined)[]> {
  return (await s.wait(txn.batchGet(keys(...names)))).map(text);
}

async function scan(txn: Txn, options?: ScanOptions): Promise<string[]> {
  const pairs = txn.scan(utf8(''), options).then((found) => found.map(pairText));
  return s.wait(pairs);
}

/** A transaction that holds a, c and d; all keys were written after it began. */
async function holder(): Promise<Txn> {
  await write('a=1', 'b=1', 'c=1');
  const txn = await begin();
  await write('a=2', 'b=2', 'c', 'd=2');
  await s.wait(txn.lockKeys(...keys('a', 'c', 'd')));
  return txn;
}

describe('a pessimistic transaction reads a key that it holds under the lock', () => {
  it('by get', async () => {
    const txn = await holder();
    expect(await get(txn, 'a')).toBe('2');
    expect(await get(txn, 'b')).toBe('1');
    expect(await get(txn, 'c')).toBeUndefined();
    expect(await get(txn, 'd')).toBe('2');
  });

  it('by batchGet', async () => {
    const txn = await holder();
    expect(await batchGet(txn, 'd', 'c', 'b', 'a')).toEqual(['2', undefined, '1', '2']);
  });

  it('by scan, in both directions, with a limit, and keys alone', async () => {
    const txn = await holder();
    expect(await scan(txn)).toEqual(['a=2', 'b=1', 'd=2']);
    expect(await scan(txn, { reverse: true, end: utf8('z') })).toEqual(['d=2', 'b=1', 'a=2']);
    expect(await scan(txn, { limit: 1 })).toEqual(['a=2']);
    expect(await scan(txn, { keyOnly: true })).toEqual(['a=', 'b=', 'd=']);
  });

  it('by a scan that has begun when the key is locked', async () => {
    await write('a=1', 'b=1', 'c=1');
    const txn = await begin();
    await write('b=2', 'bb=2', 'c');
    const iterate = async (): Promise<string[]> => {
      const seen: string[] = [];
      for await (const pair of txn.scan(utf8(''))) {
        if (seen.length === 0) await txn.lockKeys(...keys('b', 'bb', 'c'));
        seen.push(pairText(pair));
      }
      return seen;
    };
    expect(await s.wait(iterate())).toEqual(['a=1', 'b=2', 'bb=2']);
  });

  it('within savepoints, and when its own write is rolled back', async () => {
    const txn = await holder();
    const savepoint = txn.savepoint();
    txn.put(utf8('a'), utf8('3'));
    txn.delete(utf8('d'));
    expect(await scan(txn)).toEqual(['a=3', 'b=1']);
    txn.rollbackTo(savepoint);
    expect(await get(txn, 'a')).toBe('2');
    expect(await batchGet(txn, 'a', 'c', 'd')).toEqual(['2', undefined, '2']);
    expect(await scan(txn)).toEqual(['a=2', 'b=1', 'd=2']);
    await s.wait(txn.commit());
  });

  it('so that no increment is lost, however it is read', async () => {
    const reads: ((txn: Txn) => Promise<Uint8Array | undefined>)[] = [
      (txn) => txn.get(utf8('n')),
      (txn) => txn.batchGet(keys('n', 'other')).then(([value]) => value),
      (txn) => txn.scan(utf8('n'), { limit: 1 }).then(([pair]) => pair?.value),
      (txn) => txn.getForUpdate(utf8('n')),
    ];
    await write('n=0');
    const increment = (read: (typeof reads)[number]): Promise<void> =>
      client.txn.run(
        async (txn) => {
          await txn.lockKeys(utf8('n'));
          txn.put(utf8('n'), utf8(String(Number(text(await read(txn))) + 1)));
        },
        { pessimistic: true },
      );
    await s.wait(Promise.all([...reads, ...reads].map(increment)));
    expect(text(await s.wait(client.txn.snapshotGet(utf8('n'))))).toBe('8');
  });
});
