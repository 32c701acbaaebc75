import { limits, Prng, physicalMs } from '@tinykv/base';
import { expect, test } from 'vitest';
import { MemoryKv } from '../testing/memory-kv.js';
import { TestClock } from '../testing/test-clock.js';
import { type Database, RedisTxn } from './redis-txn.js';
import { patchString, readRange, readString, stringLength, writeString } from './strings.js';

const CHUNK = limits.gatewayChunkBytes;
const key = Uint8Array.of(1);

async function inTxn<T>(kv: MemoryKv, body: (db: Database) => T): Promise<T> {
  const txn = new RedisTxn(await kv.begin(), 1, [0]);
  expect(physicalMs(txn.kv.startTs)).toBe(txn.nowMs);
  const result = await txn.run(() => body(txn.database(0)));
  if (txn.hasWrites) {
    await txn.guardReads();
    await txn.commit();
  }
  return result;
}

async function value(kv: MemoryKv): Promise<Uint8Array | undefined> {
  return inTxn(kv, (db) => {
    const meta = db.get(key);
    return meta === undefined ? undefined : readString(db, meta);
  });
}

function bytesOf(rng: Prng, length: number): Uint8Array {
  return new Uint8Array(length).fill(rng.int(1, 256));
}

test('a long string is kept in chunks, a short one in its meta', async () => {
  const kv = new MemoryKv(new TestClock());
  const write = (length: number): Promise<void> =>
    inTxn(kv, (db) => {
      db.get(key);
      writeString(db, key, new Uint8Array(length));
    });
  await write(CHUNK);
  expect(kv.liveKeys().length).toBe(1);
  await write(CHUNK + 1);
  expect(kv.liveKeys().length).toBe(3);
  expect((await value(kv))?.length).toBe(CHUNK + 1);
});

test('random writes, appends and patches agree with one plain array', async () => {
  const kv = new MemoryKv(new TestClock());
  const rng = new Prng('strings');
  let model: Uint8Array | undefined;
  for (let i = 0; i < 60; i++) {
    const size = [0, 3, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 5][rng.int(0, 6)]!;
    const patch = bytesOf(rng, size);
    const offset = rng.int(0, 4) === 0 ? 0 : rng.int(0, 3 * CHUNK);
    const kind = rng.int(0, 5);
    await inTxn(kv, (db) => {
      const meta = db.get(key);
      expect(stringLength(meta)).toBe(model?.length ?? 0);
      if (kind === 0) {
        writeString(db, key, patch);
        model = patch;
      } else if (kind === 1) {
        db.remove(key);
        model = undefined;
      } else {
        const at = kind === 2 ? offset : stringLength(meta);
        if (patch.length === 0 && kind === 2) return;
        const length = patchString(db, key, meta, at, patch);
        const grown = new Uint8Array(length);
        grown.set(model ?? []);
        grown.set(patch, at);
        model = grown;
      }
    });
    const read = await value(kv);
    expect(read === undefined).toBe(model === undefined);
    if (model === undefined) continue;
    expect(Buffer.compare(read!, model)).toBe(0);
    const from = rng.int(0, model.length + 1);
    const to = rng.int(from, model.length + 1);
    const range = await inTxn(kv, (db) => readRange(db, db.get(key)!, from, to));
    expect(Buffer.compare(range, model.subarray(from, to))).toBe(0);
  }
});
