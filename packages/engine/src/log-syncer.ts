import { close, fdatasync, fsync, open, readdir } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SyncRounds } from './sync-rounds.js';

const fs = {
  open: promisify(open),
  close: promisify(close),
  fdatasync: promisify(fdatasync),
  fsync: promisify(fsync),
  readdir: promisify<string, string[]>((path, done) => readdir(path, done)),
};

/**
 * Makes the write-ahead logs of a LevelDB folder durable from outside. LevelDB's own `sync` covers only
 * the log that is open now: it closes a rotated log without fsync and writes its table later, so that a
 * crash between the two loses acknowledged batches from the middle. Every `*.log` is therefore synced
 * by path. A log that is gone by then has a table, which LevelDB syncs, with the manifest and the
 * folder, before it deletes the log.
 */
export class LogSyncer {
  readonly #folder: string;
  /** Kept open, since fsync reports a failed write-back only to descriptors that were open then. */
  readonly #files = new Map<string, number>();
  readonly #rounds = new SyncRounds(() => this.#round());

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Covers all that was written before the call. Calls made during a round share the next one. */
  sync(): Promise<void> {
    return this.#rounds.run();
  }

  /** After the rounds that were asked for. */
  async close(): Promise<void> {
    await this.#rounds.settled();
    const files = [...this.#files.values()];
    this.#files.clear();
    for (const fd of files) await fs.close(fd);
  }

  async #round(): Promise<void> {
    const [names] = await Promise.all([
      fs.readdir(this.#folder),
      ...[...this.#files.values()].map((fd) => fs.fdatasync(fd)),
    ]);
    const logs = new Set(names.filter((name) => name.endsWith('.log')));
    let added = false;
    for (const name of logs) {
      if (!this.#files.has(name)) added = (await this.#syncNew(name)) || added;
    }
    // The name of a new log must survive too.
    if (added) await this.#syncFolder();
    for (const [name, fd] of this.#files) {
      if (logs.has(name)) continue;
      this.#files.delete(name);
      await fs.close(fd);
    }
  }

  async #syncNew(name: string): Promise<boolean> {
    let fd: number;
    try {
      fd = await fs.open(join(this.#folder, name), 'r+');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
    this.#files.set(name, fd);
    await fs.fdatasync(fd);
    return true;
  }

  async #syncFolder(): Promise<void> {
    const fd = await fs.open(this.#folder, 'r');
    try {
      await fs.fsync(fd);
    } finally {
      await fs.close(fd);
    }
  }
}
