import { KvError, Prng } from '@tinykv/base';
import { SegmentedRaftLog } from '@tinykv/engine';
import type { Entry } from '@tinykv/raft';
import { expect, it } from 'vitest';
import { simDisk } from '../testing/sim-disk.js';
import { SimLogFiles } from './sim-log-files.js';

const SEGMENT_BYTES = 8_192;
const ENTRIES = 60;

function entry(index: number): Entry {
  return { term: 1, index, type: 'EntryNormal', data: new Uint8Array(200).fill(index) };
}

/** A log of several segments, in one append for each entry, on a disk that puts one sector in a wrong place. */
function misdirected(seed: number) {
  const { disk, done } = simDisk('misdirected');
  const files = new SimLogFiles(disk);
  const write = async (): Promise<SegmentedRaftLog> => {
    const log = new SegmentedRaftLog(files, { segmentBytes: SEGMENT_BYTES });
    await done(log.open());
    for (let index = 1; index <= ENTRIES; index++) {
      const hardState = { term: 1, vote: 1, commit: index - 1 };
      await done(log.append([{ group: 1, entries: [entry(index)], hardState }]));
    }
    expect(files.misdirect(new Prng(seed))).toBe(true);
    return log;
  };
  const reopen = (): Promise<unknown> =>
    done(new SegmentedRaftLog(files, { segmentBytes: SEGMENT_BYTES }).open());
  return { done, write, reopen };
}

const seeds = Array.from({ length: 30 }, (_, i) => i);

it.each(seeds)('a log that a write missed is refused at the next start (%i)', async (seed) => {
  const { write, reopen } = misdirected(seed);
  await write();
  const refusal = await reopen().then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(refusal).toBeInstanceOf(KvError);
  expect((refusal as KvError).code).toBe('DATA_LOSS');
});

it.each(seeds)('a running log serves no entry that a write missed or hit (%i)', async (seed) => {
  const { write, done } = misdirected(seed);
  const log = await write();
  let refused = 0;
  for (let index = 1; index <= ENTRIES; index++) {
    const read = await done(log.read(1, index, index + 1, 1_000_000)).catch((error: unknown) => {
      expect(error).toBeInstanceOf(KvError);
      return undefined;
    });
    if (read === undefined) refused++;
    else expect(read).toMatchObject([entry(index)]);
  }
  expect(refused).toBeGreaterThan(0);
});
