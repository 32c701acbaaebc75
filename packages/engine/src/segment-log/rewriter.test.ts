import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Entry, GroupUpdate } from '@tinykv/raft';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scratchRoot } from '../conformance/scratch.js';
import { NodeLogFiles } from './node-log-files.js';
import { SegmentedRaftLog } from './segmented-raft-log.js';

const SEGMENT_BYTES = 4_096;
const BUSY = 1;
const IDLE_GROUPS = 20;

describe('the space of a log', () => {
  let path: string;
  let log: SegmentedRaftLog;

  beforeEach(async () => {
    path = await mkdtemp(join(scratchRoot, 'tinykv-segments-'));
    log = open();
    await log.open();
  });

  afterEach(async () => {
    await log.close();
    await rm(path, { recursive: true });
  });

  function open(): SegmentedRaftLog {
    return new SegmentedRaftLog(new NodeLogFiles(path), { segmentBytes: SEGMENT_BYTES });
  }

  async function bytesOnDisk(): Promise<number> {
    const sizes = (await readdir(path)).map(async (name) => (await stat(join(path, name))).size);
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  }

  /** A group that appends and truncates, beside others that once wrote something and keep it. */
  async function churn(appends: number, first: number): Promise<void> {
    for (let i = first; i < first + appends; i++) {
      const update: GroupUpdate = {
        group: BUSY,
        entries: [entry(i, 100)],
        ...(i > 5 ? { truncate: { index: i - 5, term: 1 } } : {}),
      };
      await log.append([update]);
    }
  }

  it('stays bounded while old groups keep what they have', async () => {
    for (let group = 2; group < 2 + IDLE_GROUPS; group++) {
      const hardState = { term: 1, vote: group, commit: 2 };
      await log.append([{ group, entries: [entry(1, 100), entry(2, 100)], hardState }]);
    }
    await churn(2_000, 1);
    const idleBytes = IDLE_GROUPS * 2 * 110;
    // Twice what is live, the slack, the spares and the segment that is written to.
    const bound = 2 * idleBytes + (4 + 4 + 2) * SEGMENT_BYTES;
    expect(await bytesOnDisk()).toBeLessThanOrEqual(bound);
    for (let round = 0; round < 2; round++) {
      for (let group = 2; group < 2 + IDLE_GROUPS; group++) {
        expect(await log.read(group, 1, 3, 1e6)).toMatchObject([{ index: 1 }, { index: 2 }]);
      }
      await log.close();
      log = open();
      const groups = await log.open();
      expect(groups).toHaveLength(IDLE_GROUPS + 1);
      expect(groups.find(({ group }) => group === 7)).toMatchObject({
        hardState: { term: 1, vote: 7, commit: 2 },
        lastIndex: 2,
      });
      await churn(200, 2_001 + 200 * round);
    }
  });

  it('comes back after a group is destroyed, and nothing of the group does', async () => {
    await log.append([{ group: 9, entries: [entry(1, 3_000)] }]);
    await churn(100, 1);
    await log.append([{ group: 9, destroy: true }]);
    await churn(1_000, 101);
    await log.close();
    log = open();
    expect(await log.open()).toMatchObject([{ group: BUSY, lastIndex: 1_100 }]);
    expect(await bytesOnDisk()).toBeLessThanOrEqual((4 + 4 + 2) * SEGMENT_BYTES);
  });

  it('goes on past an entry that it cannot read, and the segment goes with the entry', async () => {
    await log.append([{ group: 8, entries: [entry(1, 100)] }]);
    await log.append([{ group: 9, entries: [entry(1, 100)] }]);
    await damage('0000000001.seg', entry(1, 100).data);
    await churn(1_000, 1);
    expect(log.takeDamage()).toMatchObject([{ group: 8, through: 1 }]);
    expect(log.takeDamage()).toEqual([]);
    expect(await log.read(9, 1, 2, 1e6)).toMatchObject([{ index: 1 }]);
    expect(await readdir(path)).toContain('0000000001.seg');
    await log.append([{ group: 8, entries: [entry(2, 10)], truncate: { index: 1, term: 1 } }]);
    await churn(1_000, 1_001);
    expect(await bytesOnDisk()).toBeLessThanOrEqual((4 + 4 + 2) * SEGMENT_BYTES);
    await log.close();
    log = open();
    expect(await log.open()).toHaveLength(3);
  });

  /** Flips a bit of the first place where these bytes stand. */
  async function damage(name: string, needle: Uint8Array): Promise<void> {
    const bytes = await readFile(join(path, name));
    bytes[bytes.indexOf(needle)]! ^= 1;
    await writeFile(join(path, name), bytes);
  }

  it('lets a read finish whose segment is given up meanwhile', async () => {
    await log.append([{ group: 9, entries: [entry(1, 100)] }]);
    const reading = log.read(9, 1, 2, 1e6);
    await churn(1_000, 1);
    expect(await reading).toMatchObject([{ index: 1 }]);
  });

  it('takes an append that is larger than a segment', async () => {
    await log.append([{ group: 9, entries: [entry(1, 5 * SEGMENT_BYTES)] }]);
    await churn(10, 1);
    await log.close();
    log = open();
    await log.open();
    const [large] = await log.read(9, 1, 2, 1e6);
    expect(large!.data).toHaveLength(5 * SEGMENT_BYTES);
    await log.append([{ group: 9, destroy: true }]);
    await churn(1_000, 11);
    expect(await bytesOnDisk()).toBeLessThanOrEqual((4 + 4 + 2) * SEGMENT_BYTES);
  });
});

describe('a segment that a crash has left empty', () => {
  let path: string;

  beforeEach(async () => {
    path = await mkdtemp(join(scratchRoot, 'tinykv-segments-'));
  });

  afterEach(async () => {
    await rm(path, { recursive: true });
  });

  async function reopen(): Promise<SegmentedRaftLog> {
    const log = new SegmentedRaftLog(new NodeLogFiles(path), { segmentBytes: SEGMENT_BYTES });
    await log.open();
    return log;
  }

  // Made and not yet of its size, of its size and not yet written to, and with half a header.
  it.each([
    ['short', new Uint8Array(0)],
    ['zero', new Uint8Array(SEGMENT_BYTES)],
    ['torn', new Uint8Array(SEGMENT_BYTES).fill(7, 0, 20)],
  ])('is gone by the next start, %s', async (_, content) => {
    const first = await reopen();
    await first.append([{ group: 1, entries: [entry(1, 100)] }]);
    await first.close();
    await writeFile(join(path, '0000000002.seg'), content);
    const second = await reopen();
    // It would not fit the empty one.
    await second.append([{ group: 1, entries: [entry(2, 2 * SEGMENT_BYTES)] }]);
    await second.close();
    const third = await reopen();
    expect(await third.read(1, 1, 3, 1e6)).toMatchObject([{ index: 1 }, { index: 2 }]);
    await third.close();
  });
});

function entry(index: number, size: number): Entry {
  return { term: 1, index, type: 'EntryNormal', data: new Uint8Array(size).fill(index) };
}
