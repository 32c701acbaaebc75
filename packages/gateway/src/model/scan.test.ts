import { Prng, utf8 } from '@tinykv/base';
import { describe, expect, test } from 'vitest';
import { MemoryKv } from '../testing/memory-kv.js';
import { TestClock } from '../testing/test-clock.js';
import { type Database, RedisTxn } from './redis-txn.js';
import { decodeCursor, encodeCursor, keyHash, scanKeys } from './scan.js';
import { slotOf } from './slot.js';
import { writeString } from './strings.js';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

class Keyspace {
  readonly #kv = new MemoryKv(new TestClock());

  async #with<T>(body: (db: Database) => Promise<T>): Promise<T> {
    const txn = new RedisTxn(await this.#kv.begin(), 1, [0]);
    const result = await body(txn.database(0));
    if (txn.hasWrites) {
      await txn.guardReads();
      await txn.commit();
    }
    return result;
  }

  async add(keys: readonly string[]): Promise<void> {
    await this.#with(async (db) => {
      await db.getMany(keys.map(utf8));
      for (const key of keys) writeString(db, utf8(key), utf8('v'));
    });
  }

  async remove(keys: readonly string[]): Promise<void> {
    await this.#with(async (db) => {
      await db.getMany(keys.map(utf8));
      for (const key of keys) db.remove(utf8(key));
    });
  }

  async page(cursor: bigint, count: number): Promise<{ next: bigint; keys: string[] }> {
    const { next, keys } = await this.#with((db) => scanKeys(db, cursor, count));
    return { next, keys: keys.map(({ key }) => text(key)) };
  }

  async scanAll(count: number, between?: () => Promise<void>, from = 0n): Promise<string[]> {
    const seen: string[] = [];
    let cursor = from;
    for (let pages = 0; pages < 10_000; pages++) {
      const page = await this.page(cursor, count);
      seen.push(...page.keys);
      if (page.next === 0n) return seen;
      cursor = page.next;
      await between?.();
    }
    throw new Error('the scan does not end');
  }
}

function names(count: number, tag = ''): string[] {
  return Array.from({ length: count }, (_, i) => `${tag}key:${i}`);
}

/** A cursor is slot, hash and whether keys of the slot up to that hash have been given. */
function isBehind(key: Uint8Array, cursor: bigint): boolean {
  const slot = cursor >> 48n;
  const ownSlot = BigInt(slotOf(key));
  if (ownSlot !== slot) return ownSlot > slot;
  return (cursor & 1n) === 0n || keyHash(key) > ((cursor >> 1n) & ((1n << 47n) - 1n));
}

describe('SCAN', () => {
  test.each([1, 3, 10, 1_000])('gives every key once, COUNT %i', async (count) => {
    const keyspace = new Keyspace();
    const all = [...names(200), ...names(100, '{a}'), ...names(100, '{b}')];
    await keyspace.add(all);
    expect((await keyspace.scanAll(count)).sort()).toEqual([...all].sort());
  });

  test('a slot with many keys is given in pages', async () => {
    const keyspace = new Keyspace();
    const all = names(2_000, '{one}');
    await keyspace.add(all);
    const page = await keyspace.page(0n, 10);
    expect(page.keys.length).toBe(10);
    expect((await keyspace.scanAll(100)).sort()).toEqual([...all].sort());
  });

  test('what is there all the time is given, whatever comes and goes', async () => {
    const rng = new Prng('scan');
    const keyspace = new Keyspace();
    const stable = [...names(150), ...names(150, '{t}')];
    await keyspace.add([...stable, ...names(100, 'old:'), ...names(50, '{t}old:')]);
    let round = 0;
    const seen = await keyspace.scanAll(7, async () => {
      round++;
      await keyspace.add([`new:${round}`, `{t}new:${round}`]);
      const gone = rng.int(0, 100);
      await keyspace.remove([`old:key:${gone}`, `{t}old:key:${gone}`, `new:${round - 3}`]);
    });
    expect(seen).toEqual(expect.arrayContaining(stable));
  });

  test('any cursor is a position', async () => {
    const keyspace = new Keyspace();
    const all = [...names(50), ...names(50, '{t}')];
    await keyspace.add(all);
    const inside = BigInt(slotOf(utf8('{t}'))) << 48n;
    const rng = new Prng('cursors');
    const lengths = new Set<number>();
    for (let i = 0; i < 200; i++) {
      // Half of them lie in the slot of many keys; some of the others lie behind the last slot.
      const cursor =
        i % 2 === 0
          ? BigInt(rng.int(0, 20_000)) << 48n
          : inside | (BigInt(rng.u32()) << 16n) | BigInt(rng.int(0, 65_536));
      const behind = all.filter((key) => isBehind(utf8(key), cursor));
      const seen = await keyspace.scanAll(10, undefined, cursor);
      expect(seen.sort()).toEqual(behind.sort());
      lengths.add(seen.length);
    }
    expect(lengths.size).toBeGreaterThan(20);
    expect(await keyspace.page(0xffff_ffff_ffff_ffffn, 10)).toEqual({ next: 0n, keys: [] });
  });

  test('a cursor holds slot, hash and flag', () => {
    const hash = keyHash(utf8('key'));
    for (const position of [
      { slot: 0, afterHash: undefined },
      { slot: 0, afterHash: 0n },
      { slot: 16_383, afterHash: hash },
      { slot: 7, afterHash: (1n << 47n) - 1n },
    ]) {
      expect(decodeCursor(encodeCursor(position))).toEqual(position);
    }
    expect(encodeCursor({ slot: 0, afterHash: undefined })).toBe(0n);
  });
});
