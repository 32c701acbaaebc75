import { fdatasync, writeSync } from 'node:fs';
import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { assert, KvError } from '@tinykv/base';
import { makeDurableFolder, syncFolder } from '../durable-files.js';
import type { LogFile, LogFiles } from './log-files.js';

const syncData = promisify(fdatasync);

/** {@link LogFiles} in a folder of the file system, which is made when it does not exist. */
export class NodeLogFiles implements LogFiles {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  locate(name: string): string {
    return join(this.#folder, name);
  }

  async list(): Promise<readonly string[]> {
    await makeDurableFolder(this.#folder);
    return readdir(this.#folder);
  }

  async create(name: string, bytes: number): Promise<LogFile> {
    const path = this.locate(name);
    const handle = await open(path, 'w+');
    try {
      await handle.truncate(bytes);
      await handle.sync();
    } catch (error) {
      await handle.close();
      throw error;
    }
    return new NodeLogFile(handle, path, bytes);
  }

  async open(name: string): Promise<LogFile> {
    const path = this.locate(name);
    const handle = await open(path, 'r+');
    const { size } = await handle.stat();
    return new NodeLogFile(handle, path, size);
  }

  async rename(from: string, to: string): Promise<void> {
    await rename(this.locate(from), this.locate(to));
  }

  async remove(name: string): Promise<void> {
    await rm(this.locate(name));
  }

  syncNames(): Promise<void> {
    return syncFolder(this.#folder);
  }
}

/**
 * The write is synchronous, since it goes to the page cache and a hop to the thread pool costs more than
 * it; the fdatasync, which waits for the disk, is not.
 */
class NodeLogFile implements LogFile {
  readonly size: number;
  readonly #handle: FileHandle;
  readonly #path: string;

  constructor(handle: FileHandle, path: string, size: number) {
    this.#handle = handle;
    this.#path = path;
    this.size = size;
  }

  write(offset: number, bytes: Uint8Array): void {
    assert(offset + bytes.length <= this.size, () => `${this.#path}: a write past its end`);
    let done = 0;
    while (done < bytes.length) {
      done += writeSync(this.#handle.fd, bytes, done, bytes.length - done, offset + done);
    }
  }

  sync(): Promise<void> {
    return syncData(this.#handle.fd);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const out = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.#handle.read(out, done, length - done, offset + done);
      if (bytesRead === 0) throw new KvError('DATA_LOSS', `${this.#path} ends at ${offset + done}`);
      done += bytesRead;
    }
    return out;
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
