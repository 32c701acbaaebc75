import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Entry } from '@tinykv/raft';
import { expect, it } from 'vitest';
import type { LogFile, LogFiles } from './log-files.js';
import { SegmentedRaftLog } from './segmented-raft-log.js';

const GROUPS = 10;
const ENTRIES_OF_GROUP = 3_000;
/** A tenth of what a record of objects costs. */
const BYTES_OF_ENTRY_MAX = 40;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes that are alive, in the heap of JavaScript and in buffers outside it. */
function liveBytes(): number {
  collect();
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

it('a kept entry costs the log a few numbers, not objects', async () => {
  const log = new SegmentedRaftLog(forgetfulFiles());
  await log.open();
  const append = async (index: number): Promise<void> => {
    for (let group = 1; group <= GROUPS; group++)
      await log.append([{ group, entries: [entry(index)] }]);
  };
  // What every append leaves behind once: compiled code, the buffers of the log.
  for (let index = 1; index <= 200; index++) await append(index);
  const before = liveBytes();
  for (let index = 201; index <= 200 + ENTRIES_OF_GROUP; index++) await append(index);
  const after = liveBytes();
  const perEntry = (after - before) / (GROUPS * ENTRIES_OF_GROUP);
  expect(perEntry).toBeLessThan(BYTES_OF_ENTRY_MAX);
  await log.close();
});

function entry(index: number): Entry {
  return { term: 1, index, type: 'EntryNormal', data: Uint8Array.of(index & 0xff) };
}

/** Files that take no memory: nothing is read in this test. */
function forgetfulFiles(): LogFiles {
  const file = (size: number): LogFile => ({
    size,
    write: () => undefined,
    sync: () => Promise.resolve(),
    read: () => Promise.reject(new Error('nothing is kept')),
    close: () => Promise.resolve(),
  });
  return {
    locate: (name) => name,
    list: () => Promise.resolve([]),
    create: (_, bytes) => Promise.resolve(file(bytes)),
    open: () => Promise.reject(new Error('there are no files')),
    rename: () => Promise.resolve(),
    remove: () => Promise.resolve(),
    syncNames: () => Promise.resolve(),
  };
}
