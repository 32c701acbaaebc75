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
import { Folder, type NameLoss } from './folder.js';

const CAPACITY_BYTES = 1_000_000_000;

/**
 * Files on a simulated disk: what was finished stays; a file that was being written when the process died
 * is found cut short, empty, or not at all. A removal lasts once the folder has been synced, which only a
 * file that is finished does.
 */
export class SimFs implements Fs {
  readonly #disk: Disk;
  readonly #files = new Folder<Uint8Array>();
  readonly #writing = new Map<string, Uint8Array[]>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** The process is gone. Its machine runs on, and names that it changed are seen by the next one. */
  exit(rng: Rng): void {
    for (const [path, parts] of this.#writing) {
      const whole = concatBytes(...parts);
      const kind = rng.int(0, 3);
      if (kind === 0) continue;
      const length = kind === 1 ? 0 : rng.int(0, whole.length + 1);
      this.#files.change([[path, whole.slice(0, length)]]);
    }
    this.#writing.clear();
  }

  crash(rng: Rng): NameLoss {
    const loss = this.#files.crash(rng);
    this.exit(rng);
    return loss;
  }

  /** Damages one finished file; false when there is none whose name ends so. */
  damage(suffix: string, rng: Rng): boolean {
    const paths = this.#files
      .names()
      .filter((path) => path.endsWith(suffix))
      .sort();
    const path = paths[rng.int(0, Math.max(1, paths.length))];
    if (path === undefined) return false;
    const bytes = copyBytes(this.#files.get(path)!);
    const kind = rng.int(0, 3);
    if (kind === 0 || bytes.length === 0) {
      this.#files.place(path, undefined);
    } else if (kind === 1) {
      this.#files.place(path, bytes.slice(0, rng.int(0, bytes.length)));
    } else {
      bytes[rng.int(0, bytes.length)]! ^= 1 << rng.int(0, 8);
      this.#files.place(path, bytes);
    }
    return true;
  }

  /** A durable file that nobody has written here. */
  place(path: string, bytes: Uint8Array): void {
    this.#files.place(path, copyBytes(bytes));
  }

  /** As the machine sees a file: for a checker, takes no time. */
  peek(path: string): Uint8Array | undefined {
    return this.#files.get(path);
  }

  async readFile(path: string): Promise<Uint8Array | undefined> {
    await this.#files.sync(() => this.#disk.sync('sync folder'));
    await this.#disk.read('read file');
    const bytes = this.#files.get(path);
    return bytes === undefined ? undefined : copyBytes(bytes);
  }

  async writeFileAtomic(path: string, bytes: Uint8Array): Promise<void> {
    const copy = copyBytes(bytes);
    await this.#disk.write('write file');
    await this.#disk.sync('sync file');
    await this.#rename(path, copy);
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
        await this.#rename(path, concatBytes(...parts));
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
    return this.#files
      .names()
      .filter((path) => path.startsWith(prefix) && !path.slice(prefix.length).includes('/'))
      .map((path) => path.slice(prefix.length))
      .sort();
  }

  async remove(path: string): Promise<void> {
    await this.#disk.operation('remove file');
    if (this.#files.get(path) !== undefined) this.#files.change([[path, undefined]]);
  }

  /** A file that is durable takes its name, whose change is durable when this resolves. */
  #rename(path: string, bytes: Uint8Array): Promise<void> {
    this.#files.change([[path, bytes]]);
    return this.#files.sync(() => this.#disk.sync('sync folder'));
  }

  space(): Promise<{ readonly capacity: number; readonly available: number }> {
    return Promise.resolve({
      capacity: CAPACITY_BYTES,
      available: this.#disk.traits.full ? 0 : CAPACITY_BYTES / 2,
    });
  }
}
