import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { LevelRaftLog, NodeLogFiles, SegmentedRaftLog } from '@tinykv/engine';
import type { Entry, RaftLog } from '@tinykv/raft';
import type { Resources } from './resources.js';
import { ROWS } from './rows.js';
import { openBoth, type Pair, type Side } from './side.js';
import { makeTempFolder } from './temp-folder.js';

const ENTRY_BYTES = 300;
const GROUP = 1;
const TERM = 1;
/** Entries that a log keeps: older ones are given up, as in a store. */
const KEPT = 16_384;
const TRUNCATE_EVERY = 4_096;

/** Both Raft logs in this process, one append in flight. */
export async function raftLogPair(resources: Resources): Promise<Pair> {
  const folder = makeTempFolder(resources, 'raftlog');
  const segmented = new SegmentedRaftLog(new NodeLogFiles(join(folder, 'segmented')));
  const level = new LevelRaftLog(join(folder, 'level'));
  return openBoth(
    () => raftLogSide('segmented', segmented),
    () => raftLogSide('level', level),
  );
}

async function raftLogSide(system: string, log: RaftLog): Promise<Side> {
  await log.open();
  const data = new Uint8Array(randomBytes(ENTRY_BYTES));
  let last = 0;
  return {
    system,
    operation: async () => {
      const entries = entriesAfter(last, data);
      last += entries.length;
      const truncated = last - KEPT;
      const isDue = truncated > 0 && last % TRUNCATE_EVERY === 0;
      await log.append([
        {
          group: GROUP,
          entries,
          ...(isDue ? { truncate: { index: truncated, term: TERM } } : {}),
        },
      ]);
    },
    servers: [],
    fsyncs: () => Promise.resolve(log.syncs),
    close: () => log.close(),
  };
}

function entriesAfter(last: number, data: Uint8Array): Entry[] {
  return Array.from({ length: ROWS.raftlog.depth }, (_, i) => ({
    term: TERM,
    index: last + 1 + i,
    type: 'EntryNormal',
    data,
  }));
}
