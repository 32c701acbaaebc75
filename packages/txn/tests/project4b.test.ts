import { describe, expect, it } from 'vitest';
import { bytes, type CourseLock, CourseWorld, type CourseWrite } from './course-world.js';

function world(locks: CourseLock[] = [], writes: CourseWrite[] = []): CourseWorld {
  const w = new CourseWorld();
  w.init(locks, writes);
  return w;
}

// The tests of the TinyKV course under their names.
describe('project 4B: get', () => {
  it('TestGetValue4B', async () => {
    const w = world([], [{ key: 99, startTs: 50, commitTs: 54, value: 42 }]);
    expect(await w.value(99, 100)).toBe(42);
  });

  it('TestGetValueTs4B', async () => {
    const w = world([], [{ key: 99, startTs: 50, commitTs: 54, value: 42 }]);
    expect(await w.value(99, 54)).toBe(42);
    expect(await w.value(99, 100)).toBe(42);
  });

  it('TestGetEmpty4B', async () => {
    expect(await world().value(100, 100)).toBe('not-found');
  });

  it('TestGetNone4B', async () => {
    const w = world(
      [],
      [
        { key: 99, startTs: 50, commitTs: 54, value: 42 },
        { key: 101, startTs: 50, commitTs: 54, value: 43 },
      ],
    );
    expect(await w.value(100, 100)).toBe('not-found');
  });

  it('TestGetVersions4B', async () => {
    const w = world(
      [],
      [
        { key: 99, startTs: 50, commitTs: 54, value: 42 },
        { key: 99, startTs: 60, commitTs: 66, value: 43 },
        { key: 99, startTs: 120, commitTs: 122, value: 44 },
      ],
    );
    const values: unknown[] = [];
    for (const ts of [40, 56, 60, 65, 66, 100, 122]) values.push(await w.value(99, ts));
    expect(values).toEqual(['not-found', 42, 42, 42, 43, 43, 44]);
  });

  it('TestGetDeleted4B', async () => {
    const w = world(
      [],
      [
        { key: 99, startTs: 50, commitTs: 54, value: 42 },
        { key: 99, startTs: 60, commitTs: 66, value: 43 },
        { key: 99, startTs: 120, commitTs: 122, kind: 'delete' },
      ],
    );
    expect(await w.value(99, 60)).toBe(42);
    expect(await w.value(99, 66)).toBe(43);
    expect(await w.value(99, 122)).toBe('not-found');
    expect(await w.value(99, 200)).toBe('not-found');
  });

  it('TestGetLocked4B', async () => {
    const w = world(
      [{ key: 99, startTs: 200, primary: 99, ttl: 100 }],
      [
        { key: 99, startTs: 50, commitTs: 54, value: 42 },
        { key: 99, startTs: 60, commitTs: 66, value: 43 },
      ],
    );
    expect(await w.value(99, 65)).toBe(42);
    expect(await w.value(99, 66)).toBe(43);
    expect(await w.get(99, 300)).toEqual({
      type: 'key-error',
      error: {
        type: 'locked',
        lock: expect.objectContaining({
          primary: bytes(99),
          startTs: 200n,
          key: bytes(99),
          ttlMs: 100,
        }),
      },
    });
  });
});

describe('project 4B: prewrite', () => {
  it('TestEmptyPrewrite4B', async () => {
    const w = world();
    expect(await w.prewrite(100)).toEqual([]);
    expect(w.state()).toEqual([]);
  });

  it('TestSinglePrewrite4B', async () => {
    const w = world();
    expect(await w.prewrite(100, [3, 42])).toEqual([]);
    expect(w.state()).toEqual(['lock 3 put 42 start=100 primary=1 ttl=1000']);
  });

  it('TestPrewriteLocked4B', async () => {
    const w = world();
    expect(await w.prewrite(100, [3, 42])).toEqual([]);
    expect(await w.prewrite(101, [3, 53])).toMatchObject([{ type: 'locked' }]);
    expect(w.state()).toEqual(['lock 3 put 42 start=100 primary=1 ttl=1000']);
  });

  it('TestPrewriteWritten4B', async () => {
    const w = world([], [{ key: 3, startTs: 80, commitTs: 101, value: 5 }]);
    const before = w.state();
    expect(await w.prewrite(100, [3, 42])).toMatchObject([{ type: 'conflict', conflictTs: 101n }]);
    expect(w.state()).toEqual(before);
  });

  it('TestPrewriteWrittenNoConflict4B', async () => {
    const w = world([], [{ key: 3, startTs: 80, commitTs: 90, value: 5 }]);
    expect(await w.prewrite(100, [3, 42])).toEqual([]);
    expect(w.state()).toEqual([
      'lock 3 put 42 start=100 primary=1 ttl=1000',
      'write 3 put 5 start=80 commit=90',
    ]);
  });

  it('TestMultiplePrewrites4B', async () => {
    const w = world();
    expect(await w.prewrite(100, [3, 42])).toEqual([]);
    expect(await w.prewrite(101, [4, 53])).toEqual([]);
    expect(w.state()).toHaveLength(2);
  });

  it('TestPrewriteOverwrite4B', async () => {
    const w = world();
    expect(await w.prewrite(100, [3, 42], [3, 45])).toEqual([]);
    expect(w.state()).toEqual(['lock 3 put 45 start=100 primary=1 ttl=1000']);
  });

  it('TestPrewriteMultiple4B', async () => {
    const w = world();
    expect(await w.prewrite(100, [3, 42], [4, 43], [5, 44], [4, 'delete'], [4, 1])).toEqual([]);
    expect(w.state()).toEqual([
      'lock 3 put 42 start=100 primary=1 ttl=1000',
      'lock 4 put 1 start=100 primary=1 ttl=1000',
      'lock 5 put 44 start=100 primary=1 ttl=1000',
    ]);
  });
});

describe('project 4B: commit', () => {
  it('TestEmptyCommit4B', async () => {
    const w = world();
    expect(await w.commit(100, 110)).toBeUndefined();
    expect(w.state()).toEqual([]);
  });

  it('TestSingleCommit4B', async () => {
    const w = world([{ key: 3, startTs: 100, value: 42 }]);
    expect(await w.commit(100, 110, 3)).toBeUndefined();
    expect(w.state()).toEqual(['write 3 put 42 start=100 commit=110']);
  });

  it('TestCommitOverwrite4B', async () => {
    const w = world(
      [{ key: 3, startTs: 100, value: 42 }],
      [{ key: 3, startTs: 80, commitTs: 84, value: 15 }],
    );
    expect(await w.commit(100, 110, 3)).toBeUndefined();
    expect(w.state()).toEqual([
      'write 3 put 15 start=80 commit=84',
      'write 3 put 42 start=100 commit=110',
    ]);
  });

  it('TestCommitMultipleKeys4B', async () => {
    const w = world([3, 12, 4].map((key) => ({ key, startTs: 100, value: 40 + key })));
    expect(await w.commit(100, 110, 3, 12)).toBeUndefined();
    expect(w.state()).toEqual([
      'lock 4 put 44 start=100 primary=1 ttl=0',
      'write 12 put 52 start=100 commit=110',
      'write 3 put 43 start=100 commit=110',
    ]);
  });

  it('TestRecommitKey4B', async () => {
    const w = world([{ key: 3, startTs: 100, value: 42 }]);
    expect(await w.commit(100, 110, 3, 3)).toBeUndefined();
    expect(w.state()).toEqual(['write 3 put 42 start=100 commit=110']);
  });

  it('TestCommitConflictRollback4B', async () => {
    const w = world([], [{ key: 3, startTs: 100, commitTs: 110, kind: 'rollback' }]);
    const before = w.state();
    expect(await w.commit(100, 110, 3)).toBeDefined();
    expect(w.state()).toEqual(before);
  });

  it('TestCommitConflictRace4B', async () => {
    const w = world([{ key: 3, startTs: 90, value: 110 }]);
    const before = w.state();
    expect(await w.commit(100, 110, 3)).toMatchObject({ type: 'retryable' });
    expect(w.state()).toEqual(before);
  });

  it('TestCommitConflictRepeat4B', async () => {
    const w = world([], [{ key: 3, startTs: 100, commitTs: 110, value: 42 }]);
    expect(await w.commit(100, 110, 3)).toBeUndefined();
    expect(w.state()).toEqual(['write 3 put 42 start=100 commit=110']);
  });

  it('TestCommitMissingPrewrite4B', async () => {
    const w = world([], [{ key: 3, startTs: 80, commitTs: 84, value: 1 }]);
    const before = w.state();
    expect(await w.commit(100, 110, 3)).toBeUndefined();
    expect(w.state()).toEqual(before);
  });
});
