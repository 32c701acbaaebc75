import { assert, copyBytes, equalBytes, KvError, type Rng } from '@tinykv/base';
import type { EngineFile, EngineFiles } from '@tinykv/engine';
import type { Disk } from './disk.js';
import { FileContent, type WriteLoss } from './file-content.js';
import { Folder, type NameLoss } from './folder.js';
import { KilledError } from './killed-error.js';
import type { SimProcess } from './sim-proc.js';

const SECTOR_BYTES = 512;

/** Which program's files they are: the log has a part of the disk for itself, which fills up alone. */
type Owner = 'log' | 'engine';

/** The losses of a crash. */
interface FilesLoss {
  readonly writes: WriteLoss;
  readonly names: NameLoss;
}

/**
 * The files of a log or an engine on a simulated disk. A write lies in the page cache until it is synced; at a crash
 * any subset of its sectors is on the disk.
 */
export class SimLogFiles implements EngineFiles {
  readonly folder: Owner;
  readonly #disk: Disk;
  readonly #files = new Folder<FileContent>();

  constructor(disk: Disk, owner: Owner = 'log') {
    this.#disk = disk;
    this.folder = owner;
  }

  /** Takes over the files of another log. */
  copyFrom(other: SimLogFiles): void {
    for (const [name, { bytes, used }] of other.#files.entries()) {
      this.#files.place(name, new FileContent(bytes, used));
    }
  }

  /** A durable file that nobody has written here. */
  place(name: string, bytes: Uint8Array): void {
    this.#files.place(name, new FileContent(bytes, bytes.length));
  }

  locate(name: string): string {
    return name;
  }

  async list(): Promise<readonly string[]> {
    await this.#disk.read('list log files');
    return this.#files.names();
  }

  async create(name: string, bytes: number): Promise<EngineFile> {
    await this.#disk.write('create log file');
    if (this.folder === 'log' && this.#disk.traits.logFull) {
      this.#files.change([[name, new FileContent()]]);
      throw noSpace();
    }
    const content = new FileContent(new Uint8Array(bytes));
    this.#files.change([[name, content]]);
    return new SimLogFile(this.#disk, content, this.folder);
  }

  async open(name: string): Promise<EngineFile> {
    await this.#disk.read('open log file');
    const content = this.#files.get(name);
    if (content === undefined) throw new KvError('NOT_FOUND', `there is no ${name}`);
    return new SimLogFile(this.#disk, content, this.folder);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#disk.operation('rename log file');
    const content = this.#files.get(from);
    assert(content !== undefined, () => `no log file ${from}`);
    this.#files.change([
      [from, undefined],
      [to, content],
    ]);
  }

  async remove(name: string): Promise<void> {
    await this.#disk.operation('remove log file');
    if (this.#files.get(name) !== undefined) this.#files.change([[name, undefined]]);
  }

  syncNames(): Promise<void> {
    return this.#files.sync(() => this.#disk.sync('sync log folder'));
  }

  async readWhole(name: string): Promise<Uint8Array | undefined> {
    await this.#disk.read('read small file');
    const content = this.#files.get(name);
    return content && copyBytes(content.bytes);
  }

  async writeWhole(name: string, bytes: Uint8Array): Promise<void> {
    await this.#disk.write('write small file');
    const found = this.#files.get(name);
    const content = found ?? new FileContent();
    if (found === undefined) this.#files.change([[name, content]]);
    content.cut(0);
    content.write(0, bytes);
  }

  /** Writes that a crash could take away now, and a sync could still bring to the disk. */
  get unsynced(): number {
    return this.#files.values().reduce((sum, content) => sum + content.unsynced, 0);
  }

  /** Of writes that were not synced all sectors are lost, none, or any; so are names. Tells of the writes to some files. */
  crash(rng: Rng, counts: (name: string) => boolean = () => true): FilesLoss {
    const writes = { kept: 0, lost: 0 };
    const tear = (['lost', 'kept', 'torn'] as const)[rng.int(0, 3)]!;
    for (const [name, content] of this.#files.entries()) {
      const { kept, lost } = content.crash(tear, rng);
      if (!counts(name)) continue;
      writes.kept += kept;
      writes.lost += lost;
    }
    return { writes, names: this.#files.crash(rng) };
  }

  /** Flips one bit of what was written; false when nothing was. */
  rot(rng: Rng): boolean {
    const written = this.#files.values().filter(({ used }) => used > 0);
    const content = written[rng.int(0, Math.max(1, written.length))];
    if (content === undefined) return false;
    content.flip(rng.int(0, content.used), 1 << rng.int(0, 8));
    return true;
  }

  /**
   * A sector of a former write went to the place of another, in the same file or another, and its own place has what
   * it had before: zeros. Never in the last write of a file: an append whose end is missing and that nothing
   * follows is one that a crash cut off, and no checksum tells them apart. False when there are too few sectors.
   */
  misdirect(rng: Rng): boolean {
    const sectors = this.#files.values().flatMap((content) => {
      const count = Math.floor(Math.min(content.lastAt, content.used) / SECTOR_BYTES);
      return Array.from({ length: count }, (_, i) => ({ content, at: i * SECTOR_BYTES }));
    });
    const meant = sectors[rng.int(0, Math.max(1, sectors.length))];
    const others = sectors.filter((one) => meant !== undefined && !isSame(meant, one));
    const hit = others[rng.int(0, Math.max(1, others.length))];
    if (meant === undefined || hit === undefined) return false;
    hit.content.overwrite(hit.at, sectorAt(meant));
    meant.content.overwrite(meant.at, new Uint8Array(SECTOR_BYTES));
    return true;
  }

  /** Flips one bit of the first place at which these bytes stand; false when there is none. */
  rotAt(needle: Uint8Array): boolean {
    for (const content of this.#files.values()) {
      const at = indexOf(content.bytes, needle);
      if (at === undefined) continue;
      content.flip(at, 1);
      return true;
    }
    return false;
  }
}

interface Sector {
  readonly content: FileContent;
  readonly at: number;
}

function sectorAt({ content, at }: Sector): Uint8Array {
  return content.bytes.subarray(at, at + SECTOR_BYTES);
}

/** Nothing would change if one were written in the place of the other. */
function isSame(a: Sector, b: Sector): boolean {
  return equalBytes(sectorAt(a), sectorAt(b));
}

function noSpace(): KvError {
  return new KvError('RESOURCE_EXHAUSTED', 'no space left');
}

function indexOf(bytes: Uint8Array, needle: Uint8Array): number | undefined {
  for (let at = bytes.indexOf(needle[0]!); at >= 0; at = bytes.indexOf(needle[0]!, at + 1)) {
    if (needle.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return undefined;
}

class SimLogFile implements EngineFile {
  readonly #disk: Disk;
  readonly #content: FileContent;
  readonly #owner: Owner;
  /** Who opened it. */
  readonly #proc: SimProcess | undefined;

  constructor(disk: Disk, content: FileContent, owner: Owner) {
    this.#disk = disk;
    this.#content = content;
    this.#owner = owner;
    this.#proc = disk.proc;
  }

  get size(): number {
    return this.#content.bytes.length;
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#checkAlive();
    const { rng, traits } = this.#disk;
    if (this.#owner === 'log' && traits.full) throw noSpace();
    if (this.#owner === 'log' ? traits.logFull : traits.full) {
      // Room is given by the block, so what a short write leaves ends where a sector does.
      const end = offset + rng.int(0, bytes.length);
      const length = Math.floor(end / SECTOR_BYTES) * SECTOR_BYTES - offset;
      if (length > 0) this.#content.write(offset, bytes.subarray(0, length));
      throw noSpace();
    }
    this.#content.write(offset, bytes);
  }

  truncate(size: number): void {
    this.#checkAlive();
    this.#content.cut(size);
  }

  sync(): Promise<void> {
    return this.#content.sync(async () => {
      // An engine has given its writes their time before it made them.
      if (this.#owner === 'log') await this.#disk.write('log append');
      await this.#disk.sync('log sync');
    });
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    await this.#disk.read('log read');
    return copyBytes(this.#content.bytes.subarray(offset, offset + length));
  }

  readSync(offset: number, length: number): Uint8Array {
    this.#disk.checkReadable('log read');
    const end = offset + length;
    if (end > this.size) throw new KvError('DATA_LOSS', `the file ends at byte ${this.size}`);
    return copyBytes(this.#content.bytes.subarray(offset, end));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** What a dying process still has to do in its turn comes to no file. */
  #checkAlive(): void {
    if (this.#proc?.dead === true) throw new KilledError('a write');
  }
}
