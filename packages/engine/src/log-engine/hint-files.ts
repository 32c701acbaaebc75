import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KvError } from '@tinykv/base';
import { storageError } from '../storage-errors.js';
import { hintName } from './data-segment.js';

/** Told of a hint that could not be written. */
export type HintWarning = (error: KvError) => void;

/** The hints of a folder. Each says only what its segment says, so a start does without those that are missing. */
export class HintFiles {
  readonly #folder: string;
  readonly #warn: HintWarning;

  constructor(folder: string, warn: HintWarning) {
    this.#folder = folder;
    this.#warn = warn;
  }

  /** Undefined: there is none. */
  async read(segment: number): Promise<Uint8Array | undefined> {
    try {
      return await readFile(this.#path(segment));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** A failure costs the next start time, and nothing else. */
  async write(segment: number, bytes: Uint8Array): Promise<void> {
    const path = this.#path(segment);
    try {
      await writeFile(path, bytes);
    } catch (error) {
      this.#warn(storageError(error, `the hint ${path} is not written`));
      await rm(path, { force: true });
    }
  }

  remove(segment: number): Promise<void> {
    return rm(this.#path(segment), { force: true });
  }

  #path(segment: number): string {
    return join(this.#folder, hintName(segment));
  }
}
