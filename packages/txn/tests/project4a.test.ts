import { TS_ZERO } from '@tinykv/base';
import { lockKey, type Modify, newestKey, parseRecordKey } from '@tinykv/model';
import { describe, expect, it } from 'vitest';
import {
  findOwnCommits,
  NO_COMMITS,
  newestTs,
  readKey,
  readTxnKeys,
} from '../src/mvcc/key-view.js';
import { bytes, CourseWorld } from './course-world.js';
import { OLD } from './fake-store.js';

// The tests of the TinyKV course under their names. What they ask of its MvccTxn (one write of one record)
// is asked of the modifies that commands propose.
describe('project 4A: records and versions', () => {
  const proposed = async (
    w: CourseWorld,
    run: () => Promise<unknown>,
  ): Promise<readonly Modify[]> => {
    const held = Object.assign(w.store.access, { held: [] }).held as { modifies: Modify[] }[];
    void run();
    await w.store.env.clock.settle();
    return held.flatMap((proposal) => proposal.modifies);
  };
  /** The write that a transaction has left on a key, by its start_ts. */
  const currentWrite = async (w: CourseWorld, key: number, startTs: number) => {
    const [keys, ts] = [[bytes(key)], BigInt(startTs)];
    const commits = await findOwnCommits(w.store.engine, keys, ts);
    const known = readTxnKeys(w.store.engine, keys, ts, NO_COMMITS).inHistory.length > 0;
    return readTxnKeys(w.store.engine, keys, ts, known ? commits : NO_COMMITS).facts[0]!.outcome;
  };

  it('TestPutLock4A', async () => {
    const w = new CourseWorld();
    const modifies = await proposed(w, () => w.prewrite(42, [1, 9]));
    expect(modifies).toMatchObject([{ type: 'lock', key: bytes(1), startTs: 42n }]);
  });

  it('TestPutWrite4A', async () => {
    const w = new CourseWorld();
    w.init([{ key: 16, startTs: 42 }], []);
    const modifies = await proposed(w, () => w.commit(42, 50, 16));
    expect(modifies).toMatchObject([
      { type: 'commit', key: bytes(16), startTs: 42n, unlock: true },
    ]);
  });

  it('TestPutValue4A', async () => {
    const w = new CourseWorld();
    const value = new Uint8Array(2000).fill(7);
    const request = { primary: bytes(1), startTs: 453_325_345n, ttlMs: 1 };
    const mutations = [{ kind: 'put', key: bytes(16), value }] as const;
    const modifies = await proposed(w, () =>
      w.store.txn.writes.prewrite(OLD, { ...request, mutations }),
    );
    expect(modifies).toMatchObject([{ type: 'lock', key: bytes(16), longValue: value }]);
  });

  it('TestGetLock4A', () => {
    const w = new CourseWorld();
    w.init([{ key: 4, startTs: 100, primary: 16, ttl: 100_000 }], []);
    expect(readKey(w.store.engine, bytes(4)).lock).toMatchObject({
      primary: bytes(16),
      startTs: 100n,
      ttlMs: 100_000,
      kind: 'put',
    });
    expect(readKey(w.store.engine, bytes(5)).lock).toBeUndefined();
    expect([...w.store.engine.data.keys()].map((k) => k.charCodeAt(0))).toEqual([
      lockKey(bytes(4))[0],
    ]);
  });

  it('TestDeleteLock4A', async () => {
    const w = new CourseWorld();
    w.init([{ key: 122, startTs: 42 }], []);
    await w.commit(42, 43, 122);
    expect(w.store.engine.get(lockKey(bytes(122)))).toBeUndefined();
  });

  it('TestDeleteValue4A', async () => {
    const w = new CourseWorld();
    w.init([{ key: 17, startTs: 63 }], []);
    const modifies = await proposed(w, () => w.rollback(63, 17));
    expect(modifies).toMatchObject([
      { type: 'rollback', key: bytes(17), startTs: 63n, unlock: true },
    ]);
  });

  const oneWrite = (kind: 'put' | 'delete' = 'put'): CourseWorld => {
    const w = new CourseWorld();
    const written = { key: 7, startTs: 50, commitTs: 54, value: 42 };
    w.init([], kind === 'put' ? [written] : [written, { key: 7, startTs: 60, commitTs: 66, kind }]);
    return w;
  };

  it('TestGetValueSimple4A', async () => {
    expect(await oneWrite().value(7, 55)).toBe(42);
  });

  it('TestGetValueMissing4A', async () => {
    expect(await oneWrite().value(8, 55)).toBe('not-found');
  });

  it('TestGetValueTooEarly4A', async () => {
    expect(await oneWrite().value(7, 53)).toBe('not-found');
  });

  const twoWrites = (): CourseWorld => {
    const w = new CourseWorld();
    w.init(
      [],
      [
        { key: 7, startTs: 50, commitTs: 54, value: 42 },
        { key: 7, startTs: 60, commitTs: 66, value: 43 },
      ],
    );
    return w;
  };

  it('TestGetValueOverwritten4A', async () => {
    expect(await twoWrites().value(7, 70)).toBe(43);
  });

  it('TestGetValueNotOverwritten4A', async () => {
    expect(await twoWrites().value(7, 65)).toBe(42);
  });

  it('TestGetValueDeleted4A', async () => {
    expect(await oneWrite('delete').value(7, 70)).toBe('not-found');
  });

  it('TestGetValueNotDeleted4A', async () => {
    expect(await oneWrite('delete').value(7, 65)).toBe(42);
  });

  it('TestCurrentWrite4A', async () => {
    const w = new CourseWorld();
    w.init(
      [],
      [
        { key: 15, startTs: 50, commitTs: 54 },
        { key: 15, startTs: 52, commitTs: 66, kind: 'delete' },
        { key: 15, startTs: 90, commitTs: 90, kind: 'rollback' },
      ],
    );
    expect(await currentWrite(w, 15, 50)).toMatchObject({
      type: 'commit',
      write: { commitTs: 54n },
    });
    expect(await currentWrite(w, 15, 52)).toMatchObject({
      type: 'commit',
      write: { commitTs: 66n },
    });
    expect(await currentWrite(w, 15, 90)).toEqual({ type: 'rollback' });
    expect(await currentWrite(w, 15, 53)).toEqual({ type: 'none' });
    expect(await currentWrite(w, 16, 50)).toEqual({ type: 'none' });
  });

  it('TestMostRecentWrite4A', () => {
    const w = new CourseWorld();
    w.init(
      [],
      [
        { key: 15, startTs: 50, commitTs: 54 },
        { key: 15, startTs: 60, commitTs: 66 },
        { key: 15, startTs: 70, commitTs: 70, kind: 'rollback' },
        { key: 16, startTs: 80, commitTs: 84 },
      ],
    );
    const { engine } = w.store;
    expect(newestTs(readKey(engine, bytes(15)).newest)).toBe(70n);
    expect(newestTs(readKey(engine, bytes(16)).newest)).toBe(84n);
    expect(newestTs(readKey(engine, bytes(17)).newest)).toBe(TS_ZERO);
    expect(parseRecordKey(newestKey(bytes(15)))).toEqual(bytes(15));
  });
});
