import { open, rm, stat } from 'node:fs/promises';
import { Prng } from '@tinykv/base';
import { storageError } from './storage-errors.js';

const BLOCK_BYTES = 262_144;

/**
 * A file that only takes up room, so that there is some when the disk is full and the file is given up. It is
 * written, not only made long: a hole takes no room. Its bytes do not compress.
 */
export class DiskReserve {
  readonly path: string;
  readonly bytes: number;

  /** A reserve of 0 bytes is never kept. */
  constructor(path: string, bytes: number) {
    this.path = path;
    this.bytes = bytes;
  }

  /** Whether all of it is there. A process that died while it made the file leaves a shorter one. */
  async isKept(): Promise<boolean> {
    return this.bytes > 0 && (await this.#size()) === this.bytes;
  }

  /** Makes the file, unless it is there. False: there is no room for all of it, and nothing is kept. */
  async keep(): Promise<boolean> {
    if (await this.isKept()) return true;
    if (this.bytes === 0) return false;
    try {
      await this.#fill();
      return true;
    } catch (error) {
      await rm(this.path, { force: true });
      const failure = storageError(error, `cannot reserve ${this.bytes} bytes`);
      if (failure.code === 'RESOURCE_EXHAUSTED') return false;
      throw failure;
    }
  }

  /** Gives the room back. False: there was none to give. */
  async giveUp(): Promise<boolean> {
    const size = await this.#size();
    await rm(this.path, { force: true });
    return size > 0;
  }

  async #size(): Promise<number> {
    try {
      return (await stat(this.path)).size;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
      throw storageError(error, `cannot look at ${this.path}`);
    }
  }

  async #fill(): Promise<void> {
    const block = noise(Math.min(BLOCK_BYTES, this.bytes));
    const handle = await open(this.path, 'w');
    try {
      for (let at = 0; at < this.bytes; ) {
        const length = Math.min(block.length, this.bytes - at);
        at += (await handle.write(block, 0, length, at)).bytesWritten;
      }
    } finally {
      await handle.close();
    }
  }
}

function noise(length: number): Uint8Array {
  const rng = new Prng(1);
  return Uint8Array.from({ length }, () => rng.int(0, 255));
}
