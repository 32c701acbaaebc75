import { fromUtf8, Prng, utf8 } from '@tinykv/base';
import { SegmentedRaftLog } from '@tinykv/engine';
import { beforeEach, describe, expect, it } from 'vitest';
import { Disk } from './disk.js';
import { Folder } from './folder.js';
import { SimFs } from './sim-fs.js';
import { SimLogFiles } from './sim-log-files.js';
import { SimProcess } from './sim-proc.js';
import { World } from './world.js';

const SEEDS = Array.from({ length: 20 }, (_, seed) => new Prng(seed));
const text = (fs: SimFs): string => fromUtf8(fs.peek('state')!);

let disk: Disk;
let world: World;
let proc: SimProcess;

beforeEach(() => {
  world = new World('lost names', { log: false });
  disk = new Disk(new Prng('disk'), 1);
  proc = new SimProcess(world, 'machine');
  disk.attach(proc);
});

/** The process is killed, and another one runs on the machine. */
function restart(): void {
  proc.kill();
  proc = new SimProcess(world, 'machine');
  disk.attach(proc);
}

async function done<T>(work: Promise<T>): Promise<T> {
  let ended = false;
  const watched = work.finally(() => {
    ended = true;
  });
  watched.catch(() => undefined);
  await world.run(() => ended, 100_000);
  return watched;
}

describe('names of a folder', () => {
  it('are undone one by one by a power cut, unless the folder was synced', async () => {
    const seen = new Set<string>();
    for (const rng of SEEDS) {
      const folder = new Folder<number>();
      folder.change([['kept', 1]]);
      await folder.sync(() => Promise.resolve());
      folder.change([['a', 2]]);
      folder.change([['b', 3]]);
      folder.crash(rng);
      seen.add(folder.names().sort().join(' '));
    }
    expect(seen).toEqual(new Set(['kept', 'a kept', 'b kept', 'a b kept']));
  });

  it('come back when a removal is undone, and go from one to the other as a whole', () => {
    const seen = new Set<string>();
    for (const rng of SEEDS) {
      const folder = new Folder<number>();
      folder.place('a', 1);
      folder.place('gone', 2);
      folder.change([['gone', undefined]]);
      folder.change([
        ['a', undefined],
        ['b', 1],
      ]);
      folder.crash(rng);
      seen.add(folder.names().sort().join(' '));
    }
    expect(seen).toEqual(new Set(['a', 'b', 'a gone', 'b gone']));
  });

  it('that changed again keep what they were changed to before', () => {
    for (const rng of SEEDS) {
      const folder = new Folder<number>();
      folder.change([['a', 1]]);
      folder.change([
        ['a', undefined],
        ['b', 1],
      ]);
      folder.crash(rng);
      expect(folder.names().length).toBeLessThanOrEqual(1);
      if (folder.get('b') !== undefined) expect(folder.get('a')).toBeUndefined();
    }
  });

  it('of a failed sync are lost, though a later sync succeeds', async () => {
    for (const rng of SEEDS) {
      const folder = new Folder<number>();
      folder.change([['doomed', 1]]);
      const failed = folder.sync(() => Promise.reject(new Error('input/output error')));
      await expect(failed).rejects.toThrow('input/output error');
      await folder.sync(() => Promise.resolve());
      folder.crash(rng);
      expect(folder.names()).toEqual([]);
    }
  });
});

describe('the Raft log', () => {
  it('acknowledges nothing in a segment whose name a power cut may take', async () => {
    for (const rng of SEEDS) {
      const files = new SimLogFiles(disk);
      const log = new SegmentedRaftLog(files, { segmentBytes: 4_096 });
      await done(log.open());
      await done(log.append([{ group: 7, hardState: { term: 1, vote: 1, commit: 0 } }]));
      files.crash(rng);
      const [group] = await done(new SegmentedRaftLog(files, { segmentBytes: 4_096 }).open());
      expect(group?.hardState).toEqual({ term: 1, vote: 1, commit: 0 });
    }
  });

  it('opens with what a killed process left of a change of segments, and after a power cut then', async () => {
    for (const rng of SEEDS) {
      const files = new SimLogFiles(disk);
      const log = new SegmentedRaftLog(files, { segmentBytes: 4_096 });
      await done(log.open());
      const hardState = { term: 1, vote: 1, commit: 0 };
      await done(log.append([{ group: 7, hardState }]));
      await done(files.create('0000000002.seg', 4_096));
      const next = new SegmentedRaftLog(files, { segmentBytes: 4_096 });
      await done(next.open());
      await done(next.append([{ group: 7, hardState: { ...hardState, term: 2 } }]));
      files.crash(rng);
      const [group] = await done(new SegmentedRaftLog(files, { segmentBytes: 4_096 }).open());
      expect(group?.hardState.term).toBe(2);
    }
  });
});

describe('a process that is killed before it has synced a folder', () => {
  it('leaves files that a power cut takes back, and the former one stays', async () => {
    const seen = new Set<string>();
    for (const rng of SEEDS) {
      const fs = new SimFs(disk);
      await done(fs.writeFileAtomic('state', utf8('old')));
      const replaced = fs.writeFileAtomic('state', utf8('new'));
      replaced.catch(() => undefined);
      // The file is durable and has its name; the folder is being synced.
      await world.run(() => text(fs) === 'new', 1_000);
      restart();
      fs.exit(rng);
      expect(text(fs)).toBe('new');
      fs.crash(rng);
      seen.add(text(fs));
    }
    expect(seen).toEqual(new Set(['old', 'new']));
  });

  it('leaves a file that lasts once somebody has read it', async () => {
    for (const rng of SEEDS) {
      const fs = new SimFs(disk);
      await done(fs.writeFileAtomic('state', utf8('old')));
      fs.writeFileAtomic('state', utf8('new')).catch(() => undefined);
      await world.run(() => text(fs) === 'new', 1_000);
      restart();
      fs.exit(rng);
      expect(fromUtf8((await done(fs.readFile('state')))!)).toBe('new');
      fs.crash(rng);
      expect(text(fs)).toBe('new');
    }
  });
});
