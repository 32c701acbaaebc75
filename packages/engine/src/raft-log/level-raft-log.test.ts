import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { EMPTY_BYTES, type KvEntry } from '@tinykv/base';
import type { Entry } from '@tinykv/raft';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { crashImage, logLengths } from '../conformance/crash-image.js';
import { raftLogConformance } from '../conformance/raft-log.js';
import { scratchRoot } from '../conformance/scratch.js';
import { LevelEngine } from '../level-engine.js';
import { LevelRaftLog } from './level-raft-log.js';

raftLogConformance('LevelRaftLog', async () => {
  let path = await mkdtemp(join(scratchRoot, 'tinykv-raft-log-'));
  let log = new LevelRaftLog(path);
  return {
    log,
    reopen: async () => {
      await log.close();
      log = new LevelRaftLog(path);
      return log;
    },
    crashIn: async (append, share) => {
      const before = logLengths(path);
      await append();
      const image = crashImage(path, before, share);
      await log.close();
      await rm(path, { recursive: true });
      path = image;
      log = new LevelRaftLog(path);
      return log;
    },
    cleanup: async () => {
      await log.close();
      await rm(path, { recursive: true });
    },
  };
});

describe('LevelRaftLog on damaged state', () => {
  let path: string;
  beforeEach(async () => {
    path = await mkdtemp(join(scratchRoot, 'tinykv-raft-log-'));
    const log = new LevelRaftLog(path);
    await log.open();
    await log.append([
      {
        group: 7,
        entries: [1, 2, 3, 4].map(entry),
        hardState: { term: 1, vote: 1, commit: 3 },
      },
    ]);
    await log.close();
  });
  afterEach(async () => {
    await rm(path, { recursive: true });
  });

  const damages: readonly (readonly [
    string,
    RegExp,
    (records: KvEntry[]) => readonly KvEntry[],
  ])[] = [
    ['a flipped bit in an entry', /entry 2 of group 7: bad checksum/, (all) => flip(all, 2)],
    ['a flipped bit in a state', /state of group 7: bad checksum/, (all) => flip(all, 0)],
    ['a short entry', /entry 4 of group 7: bad checksum/, (all) => [[all[4]![0], EMPTY_BYTES]]],
    [
      'an entry under the key of another',
      /entry 2 of group 7: bad checksum/,
      (all) => [[all[2]![0], all[3]![1]]],
    ],
  ];
  it.each(damages)('refuses to open with %s', async (_, message, damage) => {
    await rewrite((records) => damage(records));
    await expect(new LevelRaftLog(path).open()).rejects.toMatchObject({
      code: 'DATA_LOSS',
      message: expect.stringMatching(message),
    });
    // The folder is not left locked.
    await expect(new LevelRaftLog(path).open()).rejects.toMatchObject({ code: 'DATA_LOSS' });
  });

  const losses: readonly (readonly [string, RegExp, readonly number[]])[] = [
    ['a lost entry', /group 7: entry 2 is missing/, [2]],
    ['a lost end', /group 7: commit 3 > last 2/, [3, 4]],
    ['a lost state', /group 7: entry 1 has no group state/, [0]],
  ];
  it.each(losses)('refuses to open with %s', async (_, message, lost) => {
    await rewrite(() => [], lost);
    await expect(new LevelRaftLog(path).open()).rejects.toMatchObject({
      code: 'DATA_LOSS',
      message: expect.stringMatching(message),
    });
  });

  it('refuses to open with a key of another format', async () => {
    await rewrite(() => [[Uint8Array.from([1]), EMPTY_BYTES]]);
    await expect(new LevelRaftLog(path).open()).rejects.toThrow(/unknown key/);
  });

  /** Writes what `change` makes of the records, state first, and deletes those at `lost`. */
  async function rewrite(
    change: (records: KvEntry[]) => readonly KvEntry[],
    lost: readonly number[] = [],
  ): Promise<void> {
    const engine = await LevelEngine.open(path);
    const iterator = engine.iterator({ start: EMPTY_BYTES, end: EMPTY_BYTES });
    const records = [...(await iterator.next(100))];
    await iterator.close();
    const batch = engine.batch();
    for (const [key, value] of change(records)) batch.put(key, value);
    for (const i of lost) batch.delete(records[i]![0]);
    await engine.write(batch, { sync: true });
    await engine.close();
  }
});

function flip(records: readonly KvEntry[], at: number): readonly KvEntry[] {
  const [key, value] = records[at]!;
  const damaged = new Uint8Array(value);
  damaged[damaged.length - 1]! ^= 1;
  return [[key, damaged]];
}

function entry(index: number): Entry {
  return { term: 1, index, type: 'EntryNormal', data: new Uint8Array(10) };
}
