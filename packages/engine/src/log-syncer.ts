import { KvError } from '@tinykv/base';
import type { EngineFile, EngineFiles } from './log-engine/engine-files.js';
import { SyncRounds } from './sync-rounds.js';

/**
 * Makes the write-ahead logs of a LevelDB folder durable from outside. LevelDB's own `sync` covers only
 * the log that is open now: it closes a rotated log without fsync and writes its table later, so that a
 * crash between the two loses acknowledged batches from the middle. Every `*.log` is therefore synced
 * by path. A log that is gone by then has a table, which LevelDB syncs, with the manifest and the
 * folder, before it deletes the log.
 */
export class LogSyncer {
  readonly #folder: EngineFiles;
  /** Kept open, since fsync reports a failed write-back only to descriptors that were open then. */
  readonly #files = new Map<string, EngineFile>();
  readonly #rounds = new SyncRounds(() => this.#round());

  constructor(folder: EngineFiles) {
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
    for (const file of files) await file.close();
  }

  async #round(): Promise<void> {
    const [names] = await Promise.all([
      this.#folder.list(),
      ...[...this.#files.values()].map((file) => file.sync()),
    ]);
    const logs = new Set(names.filter((name) => name.endsWith('.log')));
    let added = false;
    for (const name of logs) {
      if (!this.#files.has(name)) added = (await this.#syncNew(name)) || added;
    }
    // The name of a new log must survive too.
    if (added) await this.#folder.syncNames();
    for (const [name, file] of this.#files) {
      if (logs.has(name)) continue;
      this.#files.delete(name);
      await file.close();
    }
  }

  async #syncNew(name: string): Promise<boolean> {
    let file: EngineFile;
    try {
      file = await this.#folder.open(name);
    } catch (error) {
      if (error instanceof KvError && error.code === 'NOT_FOUND') return false;
      throw error;
    }
    this.#files.set(name, file);
    await file.sync();
    return true;
  }
}
