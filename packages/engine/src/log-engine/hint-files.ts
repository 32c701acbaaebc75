import type { KvError } from '@tinykv/base';
import { storageError } from '../storage-errors.js';
import { hintName } from './data-segment.js';
import type { EngineFiles } from './engine-files.js';

/** Told of a hint that could not be written. */
export type HintWarning = (error: KvError) => void;

/** The hints of a folder. Each says only what its segment says, so a start does without those that are missing. */
export class HintFiles {
  readonly #files: EngineFiles;
  readonly #warn: HintWarning;

  constructor(files: EngineFiles, warn: HintWarning) {
    this.#files = files;
    this.#warn = warn;
  }

  /** Undefined: there is none. */
  read(segment: number): Promise<Uint8Array | undefined> {
    return this.#files.readWhole(hintName(segment));
  }

  /** A failure costs the next start time, and nothing else. */
  async write(segment: number, bytes: Uint8Array): Promise<void> {
    const name = hintName(segment);
    try {
      await this.#files.writeWhole(name, bytes);
    } catch (error) {
      this.#warn(storageError(error, `the hint ${this.#files.locate(name)} is not written`));
      await this.#files.remove(name);
    }
  }

  remove(segment: number): Promise<void> {
    return this.#files.remove(hintName(segment));
  }
}
