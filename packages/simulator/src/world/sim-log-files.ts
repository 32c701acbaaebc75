import { assert, copyBytes, equalBytes, KvError, type Rng } from '@tinykv/base';
import type { LogFile, LogFiles } from '@tinykv/engine';
import type { Disk } from './disk.js';
import { Folder, type NameLoss } from './folder.js';

const SECTOR_BYTES = 512;

/** What the disk has in the place of a write that was not synced. */
interface Unsynced {
  readonly offset: number;
  readonly before: Uint8Array;
  /** A sync of it has failed: the kernel calls its pages clean, so no later sync brings it to the disk. */
  isDoomed: boolean;
}

interface Content {
  readonly bytes: Uint8Array;
  /** In the order of the writes. */
  unsynced: Unsynced[];
  /** Behind the last byte that was ever written. */
  used: number;
  /** Where the last write began. */
  lastAt: number;
}

/** What becomes of sectors that a crash finds unsynced. */
type Tear = 'lost' | 'kept' | 'torn';

/**
 * The files of a log on a simulated disk. A write lies in the page cache until it is synced; at a crash any
 * subset of its sectors is on the disk.
 */
export class SimLogFiles implements LogFiles {
  readonly #disk: Disk;
  readonly #files = new Folder<Content>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** Takes over the files of another log. */
  copyFrom(other: SimLogFiles): void {
    for (const [name, { bytes, used, lastAt }] of other.#files.entries()) {
      this.#files.place(name, { bytes: copyBytes(bytes), unsynced: [], used, lastAt });
    }
  }

  locate(name: string): string {
    return name;
  }

  async list(): Promise<readonly string[]> {
    await this.#disk.read('list log files');
    return this.#files.names();
  }

  async create(name: string, bytes: number): Promise<LogFile> {
    await this.#disk.write('create log file');
    if (this.#disk.traits.logFull) {
      this.#files.change([[name, { bytes: new Uint8Array(0), unsynced: [], used: 0, lastAt: 0 }]]);
      throw noSpace();
    }
    const content = { bytes: new Uint8Array(bytes), unsynced: [], used: 0, lastAt: 0 };
    this.#files.change([[name, content]]);
    return new SimLogFile(this.#disk, content);
  }

  async open(name: string): Promise<LogFile> {
    await this.#disk.read('open log file');
    return new SimLogFile(this.#disk, this.#content(name));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#disk.operation('rename log file');
    this.#files.change([
      [from, undefined],
      [to, this.#content(from)],
    ]);
  }

  async remove(name: string): Promise<void> {
    await this.#disk.operation('remove log file');
    this.#files.change([[name, undefined]]);
  }

  syncNames(): Promise<void> {
    return this.#files.sync(() => this.#disk.sync('sync log folder'));
  }

  /** Writes that a crash could take away now, and a sync could still bring to the disk. */
  get unsynced(): number {
    let count = 0;
    for (const content of this.#files.values()) {
      for (const { isDoomed } of content.unsynced) if (!isDoomed) count++;
    }
    return count;
  }

  /** Of writes that were not synced all sectors are lost, none, or any; so are names. */
  crash(rng: Rng): NameLoss {
    const tear = (['lost', 'kept', 'torn'] as const)[rng.int(0, 3)]!;
    for (const content of this.#files.values()) {
      for (const write of content.unsynced.reverse()) {
        undo(content, write, write.isDoomed ? 'lost' : tear, rng);
      }
      content.unsynced = [];
    }
    return this.#files.crash(rng);
  }

  /** Flips one bit of what was written; false when nothing was. */
  rot(rng: Rng): boolean {
    const written = this.#files.values().filter(({ used }) => used > 0);
    const content = written[rng.int(0, Math.max(1, written.length))];
    if (content === undefined) return false;
    content.bytes[rng.int(0, content.used)]! ^= 1 << rng.int(0, 8);
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
    hit.content.bytes.set(sectorAt(meant), hit.at);
    sectorAt(meant).fill(0);
    return true;
  }

  /** Flips one bit of the first place at which these bytes stand; false when there is none. */
  rotAt(needle: Uint8Array): boolean {
    for (const { bytes } of this.#files.values()) {
      const at = indexOf(bytes, needle);
      if (at === undefined) continue;
      bytes[at]! ^= 1;
      return true;
    }
    return false;
  }

  #content(name: string): Content {
    const content = this.#files.get(name);
    assert(content !== undefined, () => `no log file ${name}`);
    return content;
  }
}

interface Sector {
  readonly content: Content;
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
  return new KvError('RESOURCE_EXHAUSTED', 'log: no space left');
}

function indexOf(bytes: Uint8Array, needle: Uint8Array): number | undefined {
  for (let at = bytes.indexOf(needle[0]!); at >= 0; at = bytes.indexOf(needle[0]!, at + 1)) {
    if (needle.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return undefined;
}

function undo(content: Content, { offset, before }: Unsynced, tear: Tear, rng: Rng): void {
  const end = offset + before.length;
  for (let at = offset; at < end; ) {
    const next = Math.min(end, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
    const isLost = tear === 'lost' || (tear === 'torn' && rng.int(0, 2) === 0);
    if (isLost) content.bytes.set(before.subarray(at - offset, next - offset), at);
    at = next;
  }
}

class SimLogFile implements LogFile {
  readonly #disk: Disk;
  readonly #content: Content;

  constructor(disk: Disk, content: Content) {
    this.#disk = disk;
    this.#content = content;
  }

  get size(): number {
    return this.#content.bytes.length;
  }

  write(offset: number, bytes: Uint8Array): void {
    const { rng, traits } = this.#disk;
    if (traits.full) throw noSpace();
    if (traits.logFull) {
      // Room is given by the block, so what a short write leaves ends where a sector does.
      const end = offset + rng.int(0, bytes.length);
      const length = Math.floor(end / SECTOR_BYTES) * SECTOR_BYTES - offset;
      this.#write(offset, bytes.subarray(0, Math.max(0, length)));
      throw noSpace();
    }
    this.#write(offset, bytes);
  }

  #write(offset: number, bytes: Uint8Array): void {
    const content = this.#content;
    const end = offset + bytes.length;
    assert(end <= content.bytes.length, 'a write past the end of a log file');
    const before = copyBytes(content.bytes.subarray(offset, end));
    content.unsynced.push({ offset, before, isDoomed: false });
    content.bytes.set(bytes, offset);
    content.used = Math.max(content.used, end);
    content.lastAt = offset;
  }

  async sync(): Promise<void> {
    const covered = new Set(this.#content.unsynced);
    await this.#disk.write('log append');
    try {
      await this.#disk.sync('log sync');
    } catch (error) {
      for (const write of covered) write.isDoomed = true;
      throw error;
    }
    const { unsynced } = this.#content;
    this.#content.unsynced = unsynced.filter((write) => write.isDoomed || !covered.has(write));
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    await this.#disk.read('log read');
    return copyBytes(this.#content.bytes.subarray(offset, offset + length));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
