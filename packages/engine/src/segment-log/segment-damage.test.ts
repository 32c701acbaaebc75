import { mkdtemp, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KvError } from '@tinykv/base';
import type { Entry, RecoveredGroup } from '@tinykv/raft';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scratchRoot } from '../conformance/scratch.js';
import { NodeLogFiles } from './node-log-files.js';
import { SegmentedRaftLog } from './segmented-raft-log.js';

const SEGMENT_BYTES = 256;
const APPENDS = 8;

describe('a damaged log', () => {
  let path: string;
  let whole: readonly RecoveredGroup[];
  let names: string[];

  beforeEach(async () => {
    path = await mkdtemp(join(scratchRoot, 'tinykv-segments-'));
    const log = open();
    await log.open();
    for (let i = 1; i <= APPENDS; i++) {
      const hardState = { term: 1, vote: 1, commit: i };
      await log.append([
        { group: 1, entries: [entry(i)], hardState },
        { group: 2, entries: [entry(2 * i - 1), entry(2 * i)] },
      ]);
    }
    await log.close();
    whole = await recovered();
    names = (await readdir(path)).sort();
  });

  afterEach(async () => {
    await rm(path, { recursive: true });
  });

  function open(): SegmentedRaftLog {
    return new SegmentedRaftLog(new NodeLogFiles(path), { segmentBytes: SEGMENT_BYTES });
  }

  async function recovered(): Promise<readonly RecoveredGroup[]> {
    const log = open();
    const groups = await log.open();
    await log.close();
    return groups;
  }

  it('is refused, or is the same, whichever bit of it is flipped', async () => {
    expect(names.length).toBeGreaterThan(2);
    let refused = 0;
    for (const name of names) {
      const file = join(path, name);
      const bytes = await readFile(file);
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        await writeFile(file, bytes);
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        const outcome = await recovered().catch((error: unknown) => error);
        if (outcome instanceof KvError) {
          expect(outcome).toMatchObject({ code: 'DATA_LOSS' });
          expect(outcome.message).toContain(name);
          refused++;
        } else {
          // Beyond the end of what was written.
          expect(outcome).toEqual(whole);
        }
      }
      await writeFile(file, bytes);
    }
    // Every bit of every append, at least.
    const appendBytes = APPENDS * (24 + 2 * 8 + 8);
    expect(refused).toBeGreaterThan(appendBytes * 8);
  });

  it.each([0, 1, 2])('is refused without segment %i', async (at) => {
    const last = names.length - 1;
    await rm(join(path, names[at]!));
    // Of the newest nobody can tell that it was ever there.
    if (at === last) expect(await recovered()).not.toEqual(whole);
    else await expect(recovered()).rejects.toMatchObject({ code: 'DATA_LOSS' });
  });

  it('is refused when a segment is cut short', async () => {
    for (const name of names) {
      const file = join(path, name);
      const bytes = await readFile(file);
      await truncate(file, bytes.length - 1);
      await expect(recovered()).rejects.toMatchObject({ code: 'DATA_LOSS' });
      await writeFile(file, bytes);
    }
  });

  it('is refused when a segment stands in the place of another', async () => {
    const [first, second] = names.map((name) => join(path, name));
    await rename(first!, `${first}.kept`);
    await writeFile(first!, await readFile(second!));
    await rm(`${first}.kept`);
    await expect(recovered()).rejects.toMatchObject({ code: 'DATA_LOSS' });
  });

  it('is refused in a folder of something else', async () => {
    await writeFile(join(path, 'CURRENT'), 'MANIFEST-000001\n');
    await expect(recovered()).rejects.toThrow(/CURRENT is not a file of this log/);
  });

  it('answers reads of a damaged entry with an error, and others as before', async () => {
    const log = open();
    await log.open();
    const file = join(path, names[0]!);
    const bytes = await readFile(file);
    bytes[70]! ^= 0xff;
    await writeFile(file, bytes);
    await expect(log.read(1, 1, 2, 1e6)).rejects.toMatchObject({ code: 'DATA_LOSS' });
    expect(await log.read(1, 8, 9, 1e6)).toMatchObject([{ index: 8, term: 1 }]);
    await log.close();
  });

  it('takes nothing more once a write has failed', async () => {
    const files = new NodeLogFiles(path);
    const log = new SegmentedRaftLog(
      {
        locate: (name) => files.locate(name),
        list: () => files.list(),
        open: async (name) => {
          const file = await files.open(name);
          let syncs = 0;
          return {
            size: file.size,
            write: (offset, data) => file.write(offset, data),
            sync: () => (syncs++ === 0 ? file.sync() : Promise.reject(new Error('EIO'))),
            read: (offset, length) => file.read(offset, length),
            close: () => file.close(),
          };
        },
        create: (name, size) => files.create(name, size),
        rename: (from, to) => files.rename(from, to),
        remove: (name) => files.remove(name),
        syncNames: () => files.syncNames(),
      },
      { segmentBytes: SEGMENT_BYTES },
    );
    await log.open();
    const update = { group: 2, hardState: { term: 1, vote: 1, commit: 1 } };
    await expect(log.append([update])).rejects.toThrow('EIO');
    await expect(log.append([update])).rejects.toThrow('EIO');
    await log.close();
  });
});

function entry(index: number): Entry {
  return { term: 1, index, type: 'EntryNormal', data: Uint8Array.from([index, 0xff]) };
}
