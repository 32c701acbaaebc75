import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { raftLogConformance } from '../conformance/raft-log.js';
import { scratchRoot } from '../conformance/scratch.js';
import type { LogFile, LogFiles } from './log-files.js';
import { NodeLogFiles } from './node-log-files.js';
import { SegmentedRaftLog } from './segmented-raft-log.js';

for (const segmentBytes of [512, 65_536]) {
  raftLogConformance(`SegmentedRaftLog in segments of ${segmentBytes}`, async () => {
    const path = await mkdtemp(join(scratchRoot, 'tinykv-segments-'));
    let files = new MortalFiles(new NodeLogFiles(path));
    const open = (): SegmentedRaftLog => {
      files = new MortalFiles(new NodeLogFiles(path));
      return new SegmentedRaftLog(files, { segmentBytes });
    };
    let log = open();
    return {
      log,
      reopen: async () => {
        await log.close();
        log = open();
        return log;
      },
      crashIn: async (append, share) => {
        files.surviving = share;
        // An append that has nothing to write passes.
        await append().catch((error: unknown) => expect(error).toMatchObject({ cause: crash }));
        await log.close();
        log = open();
        return log;
      },
      cleanup: async () => {
        await log.close();
        await rm(path, { recursive: true });
      },
    };
  });
}

const crash = new Error('crashed');

/** Files of a process that can die while it writes: a share of the last write comes to the disk. */
class MortalFiles implements LogFiles {
  readonly #files: LogFiles;
  /** In [0, 1]; undefined while the process lives. */
  surviving: number | undefined;

  constructor(files: LogFiles) {
    this.#files = files;
  }

  locate(name: string): string {
    return this.#files.locate(name);
  }

  list(): Promise<readonly string[]> {
    return this.#files.list();
  }

  async create(name: string, bytes: number): Promise<LogFile> {
    return this.#mortal(await this.#files.create(name, bytes));
  }

  async open(name: string): Promise<LogFile> {
    return this.#mortal(await this.#files.open(name));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#files.rename(from, to);
  }

  remove(name: string): Promise<void> {
    return this.#files.remove(name);
  }

  syncNames(): Promise<void> {
    return this.#files.syncNames();
  }

  #mortal(file: LogFile): LogFile {
    return {
      size: file.size,
      write: (offset, bytes) => {
        const share = this.surviving ?? 1;
        // A disk writes sectors; the end mark of a frame lies within one.
        const length = share === 1 ? bytes.length : Math.floor((bytes.length * share) / 8) * 8;
        file.write(offset, bytes.subarray(0, length));
      },
      sync: () => (this.surviving === undefined ? file.sync() : Promise.reject(crash)),
      read: (offset, length) => file.read(offset, length),
      close: () => file.close(),
    };
  }
}
