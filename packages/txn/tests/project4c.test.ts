import { describe, expect, it } from 'vitest';
import { type CourseLock, CourseWorld, type CourseWrite } from './course-world.js';

function world(locks: CourseLock[] = [], writes: CourseWrite[] = []): CourseWorld {
  const w = new CourseWorld();
  w.init(locks, writes);
  return w;
}

// The tests of the TinyKV course under their names.
describe('project 4C: rollback', () => {
  it('TestEmptyRollback4C', async () => {
    const w = world();
    expect(await w.rollback(100)).toBeUndefined();
    expect(w.state()).toEqual([]);
  });

  it('TestRollback4C', async () => {
    const w = world([{ key: 3, startTs: 100, value: 42 }]);
    expect(await w.rollback(100, 3)).toBeUndefined();
    expect(w.state()).toEqual(['rollback 3 start=100']);
  });

  it('TestRollbackDuplicateKeys4C', async () => {
    const w = world([
      { key: 3, startTs: 100, value: 42 },
      { key: 15, startTs: 100, value: 0 },
    ]);
    expect(await w.rollback(100, 3, 15, 3)).toBeUndefined();
    expect(w.state()).toEqual(['rollback 15 start=100', 'rollback 3 start=100']);
  });

  it('TestRollbackMissingPrewrite4C', async () => {
    const w = world();
    expect(await w.rollback(100, 3)).toBeUndefined();
    expect(w.state()).toEqual(['rollback 3 start=100']);
  });

  it('TestRollbackCommitted4C', async () => {
    const w = world([], [{ key: 3, startTs: 100, commitTs: 110, value: 42 }]);
    expect(await w.rollback(100, 3)).toMatchObject({ type: 'abort' });
    expect(w.state()).toEqual(['write 3 put 42 start=100 commit=110']);
  });

  it('TestRollbackDuplicate4C', async () => {
    const w = world([], [{ key: 3, startTs: 100, commitTs: 100, kind: 'rollback' }]);
    expect(await w.rollback(100, 3)).toBeUndefined();
    expect(w.state()).toEqual(['rollback 3 start=100']);
    expect(w.store.access.proposals).toBe(0);
  });

  it('TestRollbackOtherTxn4C', async () => {
    const w = world([{ key: 3, startTs: 80, value: 42 }]);
    expect(await w.rollback(100, 3)).toBeUndefined();
    expect(w.state()).toEqual(['lock 3 put 42 start=80 primary=1 ttl=0', 'rollback 3 start=100']);
  });
});

describe('project 4C: check txn status', () => {
  const physical = (ms: number): bigint => BigInt(ms) << 18n;
  const startTs = Number(physical(100));
  const lock = { key: 3, startTs, primary: 3, ttl: 8, value: 42 };

  it('TestCheckTxnStatusTtlExpired4C', async () => {
    const w = world([lock]);
    expect(await w.check(3, physical(100), physical(200))).toEqual({
      lockTtlMs: 0,
      commitTs: 0n,
      action: 'ttl-expire-rollback',
    });
    expect(w.state()).toEqual([`rollback 3 start=${physical(100)}`]);
  });

  it('TestCheckTxnStatusTtlNotExpired4C', async () => {
    const w = world([lock]);
    const before = w.state();
    expect(await w.check(3, physical(100), physical(107))).toMatchObject({
      lockTtlMs: 8,
      commitTs: 0n,
      action: 'none',
    });
    expect(w.state()).toEqual(before);
  });

  it('TestCheckTxnStatusRolledBack4C', async () => {
    const w = world(
      [{ ...lock, startTs: startTs + 5 }],
      [{ key: 3, startTs, commitTs: startTs, kind: 'rollback' }],
    );
    const before = w.state();
    expect(await w.check(3, physical(100), physical(200))).toEqual({
      lockTtlMs: 0,
      commitTs: 0n,
      action: 'none',
    });
    expect(w.state()).toEqual(before);
  });

  it('TestCheckTxnStatusCommitted4C', async () => {
    const w = world([], [{ key: 3, startTs, commitTs: startTs + 9, value: 42 }]);
    const before = w.state();
    expect(await w.check(3, physical(100), physical(200))).toEqual({
      lockTtlMs: 0,
      commitTs: BigInt(startTs + 9),
      action: 'none',
    });
    expect(w.state()).toEqual(before);
  });

  it('TestCheckTxnStatusNoLockNoWrite4C', async () => {
    const w = world();
    expect(await w.check(3, physical(100), physical(200))).toEqual({
      lockTtlMs: 0,
      commitTs: 0n,
      action: 'lock-not-exist-rollback',
    });
    expect(w.state()).toEqual([`rollback 3 start=${physical(100)}`]);
  });
});

describe('project 4C: resolve lock', () => {
  const locks = [
    { key: 3, startTs: 100, value: 42 },
    { key: 7, startTs: 100, value: 43 },
  ];
  const other = { key: 200, startTs: 110, value: 44 };
  const otherLine = 'lock 200 put 44 start=110 primary=1 ttl=0';

  it('TestEmptyResolve4C', async () => {
    const w = world();
    expect(await w.resolve(100, 0)).toBeUndefined();
    expect(w.state()).toEqual([]);
  });

  it('TestResolveCommit4C', async () => {
    const w = world([...locks, other]);
    expect(await w.resolve(100, 120)).toBeUndefined();
    expect(w.state()).toEqual([
      otherLine,
      'write 3 put 42 start=100 commit=120',
      'write 7 put 43 start=100 commit=120',
    ]);
  });

  it('TestResolveRollback4C', async () => {
    const w = world([...locks, other]);
    expect(await w.resolve(100, 0)).toBeUndefined();
    expect(w.state()).toEqual([otherLine, 'rollback 3 start=100', 'rollback 7 start=100']);
  });

  it('TestResolveCommitWritten4C', async () => {
    const w = world([other], [{ key: 3, startTs: 100, commitTs: 120, value: 42 }]);
    expect(await w.resolve(100, 120)).toBeUndefined();
    expect(w.state()).toEqual([otherLine, 'write 3 put 42 start=100 commit=120']);
  });

  it('TestResolveRollbackWritten4C', async () => {
    const w = world([other], [{ key: 3, startTs: 100, commitTs: 100, kind: 'rollback' }]);
    expect(await w.resolve(100, 0)).toBeUndefined();
    expect(w.state()).toEqual([otherLine, 'rollback 3 start=100']);
  });
});

describe('project 4C: scan', () => {
  /** Versions of keys 1 to 150 at 40..59, most of them visible at 100, one committed too late. */
  const filled = (): CourseWorld =>
    world(
      [],
      [
        ...[1, 2, 3, 150, 200].map((key) => ({ key, startTs: 80, commitTs: 99, value: 50 })),
        { key: 3, startTs: 100, commitTs: 101, value: 53 },
        ...[4, 120].map((key) => ({ key, startTs: 50, commitTs: 55, value: 51 })),
        { key: 120, startTs: 80, commitTs: 99, value: 54 },
        { key: 150, startTs: 60, commitTs: 61, value: 52 },
        { key: 210, startTs: 101, commitTs: 110, value: 55 },
      ],
    );
  const pairs = async (w: CourseWorld, start: number, limit: number): Promise<string[]> =>
    (await w.scan(start, limit, 100)).map((pair) =>
      pair.type === 'value' ? `${pair.key.join()}=${pair.value.join()}` : 'error',
    );

  it('TestScanEmpty4C', async () => {
    expect(await pairs(world(), 0, 10_000)).toEqual([]);
  });

  it('TestScanLimitZero4C', async () => {
    expect(await pairs(filled(), 3, 0)).toEqual([]);
  });

  it('TestScanAll4C', async () => {
    const all = ['1=50', '2=50', '3=50', '4=51', '120=54', '150=50', '200=50'];
    expect(await pairs(filled(), 0, 10_000)).toEqual(all);
  });

  it('TestScanLimit4C', async () => {
    expect(await pairs(filled(), 2, 3)).toEqual(['2=50', '3=50', '4=51']);
  });

  it('TestScanDeleted4C', async () => {
    const w = filled();
    w.init(
      [],
      [
        { key: 2, startTs: 80, commitTs: 99, value: 50 },
        { key: 2, startTs: 99, commitTs: 100, kind: 'delete' },
        { key: 4, startTs: 50, commitTs: 55, value: 51 },
        { key: 4, startTs: 100, commitTs: 105, kind: 'delete' },
      ],
    );
    const left = ['1=50', '3=50', '4=51', '120=54', '150=50', '200=50'];
    expect(await pairs(w, 0, 10_000)).toEqual(left);
  });
});
