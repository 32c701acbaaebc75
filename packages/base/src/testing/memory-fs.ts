import { concatBytes, copyBytes } from '../bytes.js';
import type { FileReader, FileWriter, Fs } from '../env.js';
import { KvError } from '../errors.js';

/** Files in memory. A file that is being written is not seen before `finish`, as after a crash. */
export class MemoryFs implements Fs {
  readonly files: Map<string, Uint8Array> = new Map();
  readonly #capacity: number;

  constructor(capacity = 1_000_000_000) {
    this.#capacity = capacity;
  }

  async readFile(path: string): Promise<Uint8Array | undefined> {
    const bytes = this.files.get(path);
    return bytes === undefined ? undefined : copyBytes(bytes);
  }

  async writeFileAtomic(path: string, bytes: Uint8Array): Promise<void> {
    this.files.set(path, copyBytes(bytes));
  }

  async openWrite(path: string): Promise<FileWriter> {
    const parts: Uint8Array[] = [];
    return {
      write: async (bytes): Promise<void> => {
        parts.push(copyBytes(bytes));
      },
      finish: async (): Promise<void> => {
        this.files.set(path, concatBytes(...parts));
      },
      abort: async (): Promise<void> => {
        parts.length = 0;
      },
    };
  }

  async openRead(path: string): Promise<FileReader> {
    const bytes = this.files.get(path);
    if (bytes === undefined) throw new KvError('NOT_FOUND', `no file ${path}`);
    return {
      size: bytes.length,
      read: async (offset, length): Promise<Uint8Array> =>
        copyBytes(bytes.subarray(offset, offset + length)),
      close: async (): Promise<void> => {},
    };
  }

  async list(folder: string): Promise<string[]> {
    const prefix = folder === '' || folder === '.' ? '' : `${folder.replace(/\/$/, '')}/`;
    return [...this.files.keys()]
      .filter((path) => path.startsWith(prefix) && !path.slice(prefix.length).includes('/'))
      .map((path) => path.slice(prefix.length))
      .sort();
  }

  async remove(path: string): Promise<void> {
    this.files.delete(path);
  }

  async space(): Promise<{ readonly capacity: number; readonly available: number }> {
    let used = 0;
    for (const bytes of this.files.values()) used += bytes.length;
    return { capacity: this.#capacity, available: Math.max(0, this.#capacity - used) };
  }
}
