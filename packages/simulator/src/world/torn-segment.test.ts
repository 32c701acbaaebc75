import { Prng, utf8 } from '@tinykv/base';
import type { GroupUpdate } from '@tinykv/raft';
import { expect, it } from 'vitest';
import { simDisk } from '../testing/sim-disk.js';
import { SimRaftLog } from './sim-raft-log.js';

const hardState = { term: 1, vote: 0, commit: 0 };
const update: GroupUpdate = {
  group: 7,
  reset: { index: 0, term: 0 },
  hardState,
  entries: [{ type: 'EntryNormal', index: 1, term: 1, data: utf8('x'.repeat(100)) }],
};

it('a power cut in the first append to a segment leaves a log that opens, with the append or without it', async () => {
  const outcomes = new Set<number>();
  for (let seed = 0; seed < 400; seed++) {
    const { world, disk, done } = simDisk(`torn ${seed}`);
    const log = new SimRaftLog(disk);
    await done(log.open());
    // At a moment of the append: before it has a file, before its sync, or after.
    const cutAt = world.now + (seed % 20) / 4;
    void log.append([update]);
    await world.run(() => world.now >= cutAt, 1_000);
    log.crash(new Prng(seed));
    outcomes.add((await done(log.open())).length);
  }
  expect([...outcomes].sort()).toEqual([0, 1]);
});
