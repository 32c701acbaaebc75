import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { ByteReader, CodecError, crc32c } from '@tinykv/base';
import { damage } from '../damage.js';
import { maskCrc } from './log-format.js';

/**
 * LevelDB's tables, which end with a footer that has no checksum:
 *
 * ```text
 *   block …                       entries, then type u8 and crc u32 over both
 *   handle of the metaindex block, handle of the index block, zeros | magic number        48 bytes
 * ```
 */
const FOOTER_BYTES = 48;
const MAGIC = Uint8Array.of(0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb);
const TRAILER_BYTES = 5;
const NO_COMPRESSION = 0;
/** Blocks lie one behind the other: many are read at once. */
const READ_AHEAD_BYTES = 1_048_576;

/** Where a block lies; `size` without its trailer. */
interface BlockHandle {
  readonly offset: number;
  readonly size: number;
}

/**
 * Throws DATA_LOSS unless every block of a table has its checksum. LevelDB does not compare them when it
 * reads: a bit in a key, in an index or in a filter would make keys absent.
 */
export function checkTable(file: string, size: number): void {
  const fd = openSync(file, 'r');
  try {
    const found = fstatSync(fd).size;
    if (found !== size) throw new CodecError(`it has ${found} bytes instead of ${size}`);
    new TableReader(fd, size).check();
  } catch (error) {
    if (error instanceof CodecError) throw damage(file, error.message);
    throw error;
  } finally {
    closeSync(fd);
  }
}

class TableReader {
  readonly #fd: number;
  readonly #size: number;
  #window: Uint8Array;
  #windowOffset = 0;
  #windowLength = 0;

  constructor(fd: number, size: number) {
    this.#fd = fd;
    this.#size = size;
    this.#window = new Uint8Array(Math.min(size, READ_AHEAD_BYTES));
  }

  check(): void {
    if (this.#size < FOOTER_BYTES) throw new CodecError('it is too short');
    const footer = this.#read(this.#size - FOOTER_BYTES, FOOTER_BYTES).slice();
    const magic = footer.subarray(FOOTER_BYTES - MAGIC.length);
    if (!magic.every((byte, i) => byte === MAGIC[i])) throw new CodecError('no magic number');
    const reader = new ByteReader(footer);
    const metaindex = readHandle(reader);
    const index = readHandle(reader);
    const data = this.#handlesIn(index);
    for (const handle of data) this.#block(handle);
    for (const handle of this.#handlesIn(metaindex)) this.#block(handle);
  }

  /** What an index block leads to. */
  #handlesIn(index: BlockHandle): BlockHandle[] {
    const block = this.#block(index);
    if (block.length < 4) throw new CodecError(`index block at byte ${index.offset} is too short`);
    const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
    const restarts = view.getUint32(block.length - 4, true);
    const entries = new ByteReader(block.subarray(0, block.length - 4 * (restarts + 1)));
    const handles: BlockHandle[] = [];
    while (entries.remaining > 0) {
      entries.varint();
      const keyBytes = entries.varint();
      const valueBytes = entries.varint();
      entries.raw(keyBytes);
      handles.push(readHandle(new ByteReader(entries.raw(valueBytes))));
    }
    return handles;
  }

  /** The entries of a block, as a view that is valid until the next one is read. */
  #block({ offset, size }: BlockHandle): Uint8Array {
    if (offset + size + TRAILER_BYTES > this.#size - FOOTER_BYTES) {
      throw new CodecError(`a block at byte ${offset} would have ${size} bytes`);
    }
    const bytes = this.#read(offset, size + TRAILER_BYTES);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (view.getUint32(size + 1, true) !== maskCrc(crc32c(bytes.subarray(0, size + 1)))) {
      throw new CodecError(`block at byte ${offset}: its checksum is wrong`);
    }
    if (bytes[size] !== NO_COMPRESSION) {
      throw new CodecError(`block at byte ${offset}: it is compressed`);
    }
    return bytes.subarray(0, size);
  }

  #read(offset: number, length: number): Uint8Array {
    const isHeld =
      offset >= this.#windowOffset && offset + length <= this.#windowOffset + this.#windowLength;
    if (!isHeld) this.#fill(offset, length);
    const from = offset - this.#windowOffset;
    return this.#window.subarray(from, from + length);
  }

  #fill(offset: number, length: number): void {
    if (length > this.#window.length) this.#window = new Uint8Array(length);
    this.#windowOffset = offset;
    this.#windowLength = 0;
    while (this.#windowLength < length) {
      const at = this.#windowLength;
      const count = readSync(this.#fd, this.#window, at, this.#window.length - at, offset + at);
      if (count === 0) throw new CodecError(`it ends before byte ${offset + length}`);
      this.#windowLength += count;
    }
  }
}

function readHandle(reader: ByteReader): BlockHandle {
  return { offset: reader.varint(), size: reader.varint() };
}
