import { fdatasync, ftruncateSync, readSync, writeSync } from 'node:fs';
import { type FileHandle, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { KvError } from '@tinykv/base';
import { damage } from '../damage.js';
import { makeDurableFolder, syncFolder } from '../durable-files.js';
import type { EngineFile, EngineFiles } from '../log-engine/engine-files.js';

const syncData = promisify(fdatasync);

/** Files of logs in a folder of the file system, which is made when it does not exist. */
export class NodeLogFiles implements EngineFiles {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  locate(name: string): string {
    return join(this.folder, name);
  }

  async list(): Promise<readonly string[]> {
    await makeDurableFolder(this.folder);
    return readdir(this.folder);
  }

  async create(name: string, bytes: number): Promise<EngineFile> {
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

  async open(name: string): Promise<EngineFile> {
    const path = this.locate(name);
    const handle = await unlessMissing(open(path, 'r+'));
    if (handle === undefined) throw new KvError('NOT_FOUND', `there is no ${path}`);
    const { size } = await handle.stat();
    return new NodeLogFile(handle, path, size);
  }

  async rename(from: string, to: string): Promise<void> {
    await rename(this.locate(from), this.locate(to));
  }

  async remove(name: string): Promise<void> {
    await rm(this.locate(name), { force: true });
  }

  syncNames(): Promise<void> {
    return syncFolder(this.folder);
  }

  readWhole(name: string): Promise<Uint8Array | undefined> {
    return unlessMissing(readFile(this.locate(name)));
  }

  writeWhole(name: string, bytes: Uint8Array): Promise<void> {
    return writeFile(this.locate(name), bytes);
  }
}

/** {@link NodeLogFiles} that others have made. */
export class PresentLogFiles extends NodeLogFiles {
  /** Rejects when the folder is gone. */
  override list(): Promise<readonly string[]> {
    return readdir(this.folder);
  }
}

async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * The write is synchronous, since it goes to the page cache and a hop to the thread pool costs more than
 * it; the fdatasync, which waits for the disk, is not.
 */
class NodeLogFile implements EngineFile {
  #size: number;
  readonly #handle: FileHandle;
  readonly #path: string;

  constructor(handle: FileHandle, path: string, size: number) {
    this.#handle = handle;
    this.#path = path;
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  write(offset: number, bytes: Uint8Array): void {
    let done = 0;
    while (done < bytes.length) {
      done += writeSync(this.#handle.fd, bytes, done, bytes.length - done, offset + done);
    }
    this.#size = Math.max(this.#size, offset + bytes.length);
  }

  truncate(size: number): void {
    ftruncateSync(this.#handle.fd, size);
    this.#size = size;
  }

  sync(): Promise<void> {
    return syncData(this.#handle.fd);
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const out = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await this.#handle.read(out, done, length - done, offset + done);
      if (bytesRead === 0) throw this.#short(offset + done);
      done += bytesRead;
    }
    return out;
  }

  readSync(offset: number, length: number): Uint8Array {
    const out = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const count = readSync(this.#handle.fd, out, done, length - done, offset + done);
      if (count === 0) throw this.#short(offset + done);
      done += count;
    }
    return out;
  }

  #short(at: number): KvError {
    return damage(this.#path, `it ends at byte ${at}`);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
