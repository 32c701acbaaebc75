import { InvariantError, KvError } from '@tinykv/base';
import type { Entry, GroupUpdate, RaftLog, RecoveredGroup } from '@tinykv/raft';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { raftLogModelTests } from './raft-log-model.js';
import type { RaftLogUnderTest } from './targets.js';

/** What every {@link RaftLog} must do. */
export function raftLogConformance(name: string, make: () => Promise<RaftLogUnderTest>): void {
  describe(`${name} as a RaftLog`, () => {
    let target: RaftLogUnderTest;
    const world: LogWorld = {
      get log() {
        return target.log;
      },
      reopen: async () => target.reopen(),
    };
    beforeEach(async () => {
      target = await make();
    });
    afterEach(async () => {
      await target.cleanup();
    });
    appendTests(world);
    truncateTests(world);
    lifeTests(world);
    invariantTests(world);
  });
  raftLogModelTests(name, make);
}

interface LogWorld {
  readonly log: RaftLog;
  reopen(): Promise<RaftLog>;
}

function appendTests(world: LogWorld): void {
  it('starts empty', async () => {
    expect(await world.log.open()).toEqual([]);
    expect(world.log.syncs).toBe(0);
  });

  it('gives back after a restart what was appended, with one sync for all groups', async () => {
    const { log } = world;
    await log.open();
    await log.append([
      { group: 1, entries: entries(1, [1, 1, 2]), hardState: { term: 2, vote: 3, commit: 1 } },
      { group: 2, reset: { index: 5, term: 5 }, durableApplied: 5 },
    ]);
    await log.append([{ group: 1, entries: entries(4, [2, 4]) }]);
    expect(log.syncs).toBe(2);
    const again = await world.reopen();
    expect(byGroup(await again.open())).toEqual([
      {
        group: 1,
        hardState: { term: 2, vote: 3, commit: 1 },
        truncated: { index: 0, term: 0 },
        lastIndex: 5,
        durableApplied: 0,
        termRuns: [
          { first: 1, term: 1 },
          { first: 3, term: 2 },
          { first: 5, term: 4 },
        ],
      },
      {
        group: 2,
        hardState: { term: 0, vote: 0, commit: 0 },
        truncated: { index: 5, term: 5 },
        lastIndex: 5,
        durableApplied: 5,
        termRuns: [],
      },
    ]);
    expect(brief(await again.read(1, 1, 6, 1e6))).toEqual(['1/1', '1/2', '2/3', '2/4', '4/5']);
  });

  it('replaces the tail from the first new entry on', async () => {
    const { log } = world;
    await log.open();
    await log.append([{ group: 1, entries: entries(1, [1, 1, 1, 1, 1]) }]);
    await log.append([{ group: 1, entries: entries(3, [2]) }]);
    expect(brief(await log.read(1, 1, 4, 1e6))).toEqual(['1/1', '1/2', '2/3']);
    await expect(log.read(1, 3, 5, 1e6)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const again = await world.reopen();
    expect(await again.open()).toMatchObject([
      {
        lastIndex: 3,
        termRuns: [
          { first: 1, term: 1 },
          { first: 3, term: 2 },
        ],
      },
    ]);
  });

  it('keeps the data and type of an entry', async () => {
    const { log } = world;
    await log.open();
    const data = Uint8Array.from([0, 255, 7]);
    await log.append([
      { group: 1, entries: [{ term: 1, index: 1, type: 'EntryNormal', data: data.slice() }] },
    ]);
    const [entry] = await log.read(1, 1, 2, 1);
    expect(Buffer.from(entry!.data).equals(data)).toBe(true);
    expect(entry!.type).toBe('EntryNormal');
    expect(entry!.encoded!.length).toBeGreaterThan(0);
  });

  it('reads at least one entry, then as many as fit', async () => {
    const { log } = world;
    await log.open();
    await log.append([{ group: 1, entries: entries(1, new Array(100).fill(1), 100) }]);
    expect(await log.read(1, 1, 101, 0)).toHaveLength(1);
    const some = (await log.read(1, 1, 101, 1_000)).length;
    expect(some).toBeGreaterThan(5);
    expect(some).toBeLessThan(10);
    expect(await log.read(1, 1, 101, 1e6)).toHaveLength(100);
    expect(await log.read(1, 100, 101, 1e6)).toHaveLength(1);
  });
}

function truncateTests(world: LogWorld): void {
  it('truncates, and refuses to read what is gone', async () => {
    const { log } = world;
    await log.open();
    await log.append([{ group: 1, entries: entries(1, [1, 1, 2, 2, 3]) }]);
    await log.append([{ group: 1, truncate: { index: 3, term: 2 } }]);
    // Behind what is truncated: nothing happens.
    await log.append([{ group: 1, truncate: { index: 2, term: 1 } }]);
    await expect(log.read(1, 3, 5, 1e6)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(log.read(2, 1, 2, 1e6)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(brief(await log.read(1, 4, 6, 1e6))).toEqual(['2/4', '3/5']);
    const again = await world.reopen();
    expect(await again.open()).toMatchObject([
      {
        truncated: { index: 3, term: 2 },
        lastIndex: 5,
        termRuns: [
          { first: 4, term: 2 },
          { first: 5, term: 3 },
        ],
      },
    ]);
    await again.append([{ group: 1, truncate: { index: 5, term: 3 } }]);
    await again.append([{ group: 1, entries: entries(6, [3]) }]);
    expect(brief(await again.read(1, 6, 7, 1e6))).toEqual(['3/6']);
  });

  it('truncates more entries than it deletes at once', async () => {
    const { log } = world;
    await log.open();
    const count = 3_000;
    await log.append([{ group: 1, entries: entries(1, new Array(count).fill(1)) }]);
    await log.append([{ group: 1, truncate: { index: count - 1, term: 1 } }]);
    await log.append([{ group: 2, durableApplied: 0 }]);
    const again = await world.reopen();
    expect(await again.open()).toMatchObject([{ truncated: { index: 2_999 } }, { group: 2 }]);
    for (let i = 0; i < 4; i++) await again.append([{ group: 2, durableApplied: 0 }]);
    expect(brief(await again.read(1, count, count + 1, 1e6))).toEqual([`1/${count}`]);
  });

  it('resets to any point, and nothing of the old log comes back', async () => {
    const { log } = world;
    await log.open();
    await log.append([{ group: 1, entries: entries(1, [1, 1, 1, 1, 1, 1]) }]);
    await log.append([{ group: 1, truncate: { index: 2, term: 1 } }]);
    await log.append([{ group: 1, reset: { index: 20, term: 4 }, durableApplied: 20 }]);
    await log.append([{ group: 1, entries: entries(21, [5, 5]) }]);
    expect(brief(await log.read(1, 21, 23, 1e6))).toEqual(['5/21', '5/22']);
    await log.append([{ group: 2, entries: entries(1, [1, 1, 1, 1]) }]);
    await log.append([
      {
        group: 2,
        reset: { index: 1, term: 1 },
        entries: entries(2, [2]),
        hardState: { term: 2, vote: 0, commit: 2 },
        truncate: { index: 2, term: 2 },
        durableApplied: 2,
      },
    ]);
    const again = await world.reopen();
    expect(byGroup(await again.open())).toMatchObject([
      { group: 1, truncated: { index: 20, term: 4 }, lastIndex: 22 },
      { group: 2, truncated: { index: 2, term: 2 }, lastIndex: 2, termRuns: [] },
    ]);
  });
}

function lifeTests(world: LogWorld): void {
  it('destroys a group, which may begin again in the same append', async () => {
    const { log } = world;
    await log.open();
    await log.append([
      { group: 1, entries: entries(1, [1, 1, 1, 1]), hardState: { term: 1, vote: 1, commit: 2 } },
      { group: 2, entries: entries(1, [1]) },
    ]);
    await log.append([{ group: 1, truncate: { index: 2, term: 1 } }]);
    await log.append([
      { group: 2, destroy: true },
      { group: 3, destroy: true },
    ]);
    await expect(log.read(2, 1, 2, 1e6)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await log.append([
      { group: 1, destroy: true },
      { group: 1, entries: entries(1, [7]) },
    ]);
    const again = await world.reopen();
    expect(await again.open()).toEqual([
      {
        group: 1,
        hardState: { term: 0, vote: 0, commit: 0 },
        truncated: { index: 0, term: 0 },
        lastIndex: 1,
        durableApplied: 0,
        termRuns: [{ first: 1, term: 7 }],
      },
    ]);
  });

  it('carries numbers up to 2^53-1', async () => {
    const { log } = world;
    await log.open();
    const top = Number.MAX_SAFE_INTEGER - 1;
    await log.append([
      {
        group: top,
        reset: { index: top - 1, term: top },
        entries: entries(top, [top]),
        hardState: { term: top, vote: top, commit: top },
        durableApplied: top,
      },
    ]);
    const again = await world.reopen();
    expect(await again.open()).toMatchObject([{ group: top, lastIndex: top }]);
    expect(brief(await again.read(top, top, top + 1, 1e6))).toEqual([`${top}/${top}`]);
  });
}

function invariantTests(world: LogWorld): void {
  const broken: readonly (readonly [string, GroupUpdate])[] = [
    ['a hole', { group: 1, entries: entries(4, [1]) }],
    ['entries that are not consecutive', { group: 1, entries: [entry(3, 1), entry(5, 1)] }],
    ['a term that falls', { group: 1, entries: entries(3, [0]) }],
    ['a truncation past the end', { group: 1, truncate: { index: 3, term: 1 } }],
    ['a truncation of another term', { group: 1, truncate: { index: 2, term: 2 } }],
    ['an applied index past the end', { group: 1, durableApplied: 3 }],
    ['a commit past the end', { group: 1, hardState: { term: 1, vote: 0, commit: 3 } }],
    ['a destroy with more', { group: 1, destroy: true, durableApplied: 0 }],
  ];
  it.each(broken)('asserts against %s', async (_, update) => {
    await world.log.open();
    await world.log.append([{ group: 1, entries: entries(1, [1, 1]) }]);
    await expect(world.log.append([update])).rejects.toThrow(InvariantError);
    expect(brief(await world.log.read(1, 1, 3, 1e6))).toEqual(['1/1', '1/2']);
  });

  it('asserts that one append runs at a time', async () => {
    await world.log.open();
    const first = world.log.append([{ group: 1, entries: entries(1, [1]) }]);
    await expect(world.log.append([])).rejects.toThrow(InvariantError);
    await first;
  });

  it('gives KvErrors for what a caller may meet', async () => {
    await world.log.open();
    await expect(world.log.read(1, 1, 2, 1)).rejects.toThrow(KvError);
  });
}

function entry(index: number, term: number, size = 1): Entry {
  return { term, index, type: 'EntryNormal', data: new Uint8Array(size) };
}

function entries(first: number, terms: readonly number[], size = 1): Entry[] {
  return terms.map((term, i) => entry(first + i, term, size));
}

/** `term/index` of each. */
function brief(found: readonly Entry[]): string[] {
  return found.map(({ term, index }) => `${term}/${index}`);
}

function byGroup(groups: readonly RecoveredGroup[]): RecoveredGroup[] {
  return [...groups].sort((a, b) => a.group - b.group);
}
