import { type FileHandle, mkdir, open, readdir, rename, statfs, unlink } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import {
  assert,
  errorMessage,
  type FileReader,
  type FileWriter,
  type Fs,
  KvError,
  type KvErrorCode,
} from '@tinykv/base';

const TEMPORARY = '.tmp';

/**
 * Files below one folder that this process owns. What is written appears under its name whole and
 * durable, or not at all; folders are made as needed.
 */
export class Files implements Fs {
  readonly #root: string | undefined;
  /** Temporary files that are being written now; others of that kind are left from a crash. */
  readonly #writing = new Set<string>();

  /** Without a root every operation is refused. */
  constructor(root: string | undefined) {
    this.#root = root === undefined ? undefined : resolve(root);
  }

  async readFile(path: string): Promise<Uint8Array | undefined> {
    await this.#syncNames(path);
    let reader: FileReader;
    try {
      reader = await this.openRead(path);
    } catch (error) {
      if (error instanceof KvError && error.code === 'NOT_FOUND') return undefined;
      throw error;
    }
    try {
      return await reader.read(0, reader.size);
    } finally {
      await reader.close();
    }
  }

  async writeFileAtomic(path: string, bytes: Uint8Array): Promise<void> {
    const writer = await this.openWrite(path);
    try {
      await writer.write(bytes);
    } catch (error) {
      await writer.abort();
      throw error;
    }
    await writer.finish();
  }

  async openWrite(path: string): Promise<FileWriter> {
    const target = this.#locate(path);
    const temporary = target + TEMPORARY;
    assert(!this.#writing.has(temporary), () => `${path} is being written`);
    this.#writing.add(temporary);
    try {
      await makeFolder(dirname(target));
      const file = await open(temporary, 'w', 0o600);
      return new AtomicWriter(file, temporary, target, () => this.#writing.delete(temporary));
    } catch (error) {
      this.#writing.delete(temporary);
      throw fileError(error, `cannot write ${path}`);
    }
  }

  async openRead(path: string): Promise<FileReader> {
    const target = this.#locate(path);
    try {
      const file = await open(target, 'r');
      return new RealFileReader(file, path, (await file.stat()).size);
    } catch (error) {
      throw fileError(error, `cannot read ${path}`);
    }
  }

  /** Names of files in a folder, sorted; none when there is no such folder. */
  async list(folder: string): Promise<string[]> {
    const path = this.#locate(folder);
    const names: string[] = [];
    try {
      for (const entry of await readdir(path, { withFileTypes: true })) {
        if (!entry.isFile()) continue;
        if (!entry.name.endsWith(TEMPORARY)) names.push(entry.name);
        else if (!this.#writing.has(join(path, entry.name))) await unlink(join(path, entry.name));
      }
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw fileError(error, `cannot list ${folder}`);
    }
    return names.sort();
  }

  /** Also succeeds when the file is not there. */
  async remove(path: string): Promise<void> {
    try {
      await unlink(this.#locate(path));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw fileError(error, `cannot remove ${path}`);
    }
  }

  async space(): Promise<{ readonly capacity: number; readonly available: number }> {
    const root = this.#locate('');
    try {
      await makeFolder(root);
      const { blocks, bavail, bsize } = await statfs(root);
      return { capacity: blocks * bsize, available: bavail * bsize };
    } catch (error) {
      throw fileError(error, 'cannot tell the free space');
    }
  }

  /** A killed process may have left a name that nobody has synced, and that a power cut would undo. */
  async #syncNames(path: string): Promise<void> {
    const folder = dirname(this.#locate(path));
    try {
      await syncFolder(folder);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw fileError(error, `cannot make ${path} durable`);
    }
  }

  /** The absolute path; refuses what would leave the folder. */
  #locate(path: string): string {
    const root = this.#root;
    if (root === undefined) throw new KvError('FAILED_PRECONDITION', 'there is no data folder');
    const target = resolve(root, path);
    const inside = relative(root, target);
    if (
      isAbsolute(path) ||
      path.includes('\0') ||
      inside === '..' ||
      inside.startsWith(`..${sep}`)
    ) {
      throw new KvError('INVALID_ARGUMENT', `path ${JSON.stringify(path)} leaves the data folder`);
    }
    return target;
  }
}

class AtomicWriter implements FileWriter {
  readonly #file: FileHandle;
  readonly #temporary: string;
  readonly #target: string;
  readonly #onDone: () => void;
  #done = false;

  constructor(file: FileHandle, temporary: string, target: string, onDone: () => void) {
    this.#file = file;
    this.#temporary = temporary;
    this.#target = target;
    this.#onDone = onDone;
  }

  async write(bytes: Uint8Array): Promise<void> {
    assert(!this.#done, 'write after the end of the file');
    let offset = 0;
    try {
      while (offset < bytes.length) {
        offset += (await this.#file.write(bytes, offset)).bytesWritten;
      }
    } catch (error) {
      throw fileError(error, `cannot write ${this.#target}`);
    }
  }

  async finish(): Promise<void> {
    assert(!this.#done, 'the file is finished');
    this.#done = true;
    try {
      try {
        await this.#file.sync();
      } finally {
        await this.#file.close();
      }
      await rename(this.#temporary, this.#target);
      await syncFolder(dirname(this.#target));
    } catch (error) {
      throw fileError(error, `cannot make ${this.#target} durable`);
    } finally {
      this.#onDone();
    }
  }

  async abort(): Promise<void> {
    if (this.#done) return;
    this.#done = true;
    try {
      await this.#file.close();
      await unlink(this.#temporary);
    } catch (error) {
      throw fileError(error, `cannot drop ${this.#temporary}`);
    } finally {
      this.#onDone();
    }
  }
}

class RealFileReader implements FileReader {
  readonly size: number;
  readonly #file: FileHandle;
  readonly #path: string;

  constructor(file: FileHandle, path: string, size: number) {
    this.#file = file;
    this.#path = path;
    this.size = size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.size - offset)));
    let filled = 0;
    try {
      while (filled < bytes.length) {
        const { bytesRead } = await this.#file.read(
          bytes,
          filled,
          bytes.length - filled,
          offset + filled,
        );
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
    } catch (error) {
      throw fileError(error, `cannot read ${this.#path}`);
    }
    return bytes.subarray(0, filled);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Makes a folder with all above it; the names of new ones are durable when this resolves. */
async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let at = path; at.length >= first.length; at = dirname(at)) await syncFolder(dirname(at));
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function fileError(error: unknown, what: string): KvError {
  if (error instanceof KvError) return error;
  const codes: Record<string, KvErrorCode> = {
    ENOENT: 'NOT_FOUND',
    ENOSPC: 'RESOURCE_EXHAUSTED',
    EDQUOT: 'RESOURCE_EXHAUSTED',
  };
  const code = codes[codeOf(error) ?? ''] ?? 'INTERNAL';
  return new KvError(code, `${what}: ${errorMessage(error)}`, { cause: error });
}

function codeOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
