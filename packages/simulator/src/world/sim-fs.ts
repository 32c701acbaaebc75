import {
  concatBytes,
  copyBytes,
  type FileReader,
  type FileWriter,
  type Fs,
  KvError,
  type Rng,
} from '@tinykv/base';
import type { Disk } from './disk.js';

const CAPACITY_BYTES = 1_000_000_000;

/**
 * Files on a simulated disk: what was finished stays; a file that was being written when the process died
 * is found cut short, empty, or not at all.
 */
export class SimFs implements Fs {
  readonly #disk: Disk;
  readonly #files = new Map<string, Uint8Array>();
  readonly #writing = new Map<string, Uint8Array[]>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  crash(rng: Rng): void {
    for (const [path, parts] of this.#writing) {
      const whole = concatBytes(...parts);
      const kind = rng.int(0, 3);
      if (kind > 0)
        this.#files.set(path, whole.slice(0, kind === 1 ? 0 : rng.int(0, whole.length + 1)));
    }
    this.#writing.clear();
  }

  /** Damages one finished file; false when there is none whose name ends so. */
  damage(suffix: string, rng: Rng): boolean {
    const paths = [...this.#files.keys()].filter((path) => path.endsWith(suffix)).sort();
    const path = paths[rng.int(0, Math.max(1, paths.length))];
    if (path === undefined) return false;
    const bytes = copyBytes(this.#files.get(path)!);
    const kind = rng.int(0, 3);
    if (kind === 0 || bytes.length === 0) {
      this.#files.delete(path);
    } else if (kind === 1) {
      this.#files.set(path, bytes.slice(0, rng.int(0, bytes.length)));
    } else {
      bytes[rng.int(0, bytes.length)]! ^= 1 << rng.int(0, 8);
      this.#files.set(path, bytes);
    }
    return true;
  }

  async readFile(path: string): Promise<Uint8Array | undefined> {
    await this.#disk.read('read file');
    const bytes = this.#files.get(path);
    return bytes === undefined ? undefined : copyBytes(bytes);
  }

  async writeFileAtomic(path: string, bytes: Uint8Array): Promise<void> {
    const copy = copyBytes(bytes);
    await this.#disk.write('write file');
    await this.#disk.sync('sync file');
    this.#files.set(path, copy);
  }

  async openWrite(path: string): Promise<FileWriter> {
    await this.#disk.write('create file');
    const parts: Uint8Array[] = [];
    this.#writing.set(path, parts);
    return {
      write: async (bytes): Promise<void> => {
        const copy = copyBytes(bytes);
        await this.#disk.write('write file');
        parts.push(copy);
      },
      finish: async (): Promise<void> => {
        await this.#disk.sync('sync file');
        this.#writing.delete(path);
        this.#files.set(path, concatBytes(...parts));
      },
      abort: async (): Promise<void> => {
        this.#writing.delete(path);
        await this.#disk.operation('remove file');
      },
    };
  }

  async openRead(path: string): Promise<FileReader> {
    await this.#disk.read('open file');
    const bytes = this.#files.get(path);
    if (bytes === undefined) throw new KvError('NOT_FOUND', `no file ${path}`);
    return {
      size: bytes.length,
      read: async (offset, length): Promise<Uint8Array> => {
        await this.#disk.read('read file');
        return copyBytes(bytes.subarray(offset, offset + length));
      },
      close: (): Promise<void> => Promise.resolve(),
    };
  }

  async list(folder: string): Promise<string[]> {
    await this.#disk.read('list files');
    const prefix = folder === '' || folder === '.' ? '' : `${folder.replace(/\/$/, '')}/`;
    return [...this.#files.keys()]
      .filter((path) => path.startsWith(prefix) && !path.slice(prefix.length).includes('/'))
      .map((path) => path.slice(prefix.length))
      .sort();
  }

  async remove(path: string): Promise<void> {
    await this.#disk.operation('remove file');
    this.#files.delete(path);
  }

  space(): Promise<{ readonly capacity: number; readonly available: number }> {
    return Promise.resolve({
      capacity: CAPACITY_BYTES,
      available: this.#disk.traits.full ? 0 : CAPACITY_BYTES / 2,
    });
  }
}
