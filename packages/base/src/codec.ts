import { InvariantError } from './assert.js';
import { EMPTY_BYTES } from './bytes.js';
import { type Timestamp, TS_MAX } from './timestamp.js';

const TWO_32 = 0x1_0000_0000;

/** What a decoder throws when stored or received bytes are not of its format. */
export class CodecError extends Error {
  override readonly name = 'CodecError';
}

function isU53(value: number): boolean {
  return value >= 0 && Number.isSafeInteger(value);
}

/** Apart from the writer's methods, which stay small. */
function refuse(value: number, bits: number): never {
  throw new InvariantError(`${value} in a field of ${bits} bits`);
}

/**
 * Grows as needed; `finish()` gives the bytes written so far as a view of its own buffer. A value that its field
 * cannot carry is a broken invariant: the bytes of another value must never be stored.
 */
export class ByteWriter {
  #buffer: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacity = 256) {
    this.#buffer = new Uint8Array(capacity);
    this.#view = new DataView(this.#buffer.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** Makes room for `count` bytes and returns the offset at which they start. */
  #reserve(count: number): number {
    const offset = this.#length;
    const needed = offset + count;
    if (needed > this.#buffer.length) {
      const grown = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
      grown.set(this.#buffer.subarray(0, offset));
      this.#buffer = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = needed;
    return offset;
  }

  u8(value: number): this {
    if ((value & 0xff) !== value) refuse(value, 8);
    const at = this.#reserve(1);
    this.#buffer[at] = value;
    return this;
  }

  u16(value: number): this {
    if ((value & 0xffff) !== value) refuse(value, 16);
    const at = this.#reserve(2);
    this.#view.setUint16(at, value);
    return this;
  }

  u32(value: number): this {
    if (value >>> 0 !== value) refuse(value, 32);
    const at = this.#reserve(4);
    this.#view.setUint32(at, value);
    return this;
  }

  /** A number below 2^53 as 8 big-endian bytes. */
  u64(value: number): this {
    if (!isU53(value)) refuse(value, 53);
    const at = this.#reserve(8);
    this.#view.setUint32(at, Math.floor(value / TWO_32));
    this.#view.setUint32(at + 4, value % TWO_32);
    return this;
  }

  timestamp(value: Timestamp): this {
    if (value < 0n || value > TS_MAX) throw new InvariantError(`${value} is not a timestamp`);
    const at = this.#reserve(8);
    this.#view.setBigUint64(at, value);
    return this;
  }

  /** LEB128 of a number below 2^53. */
  varint(value: number): this {
    if (!isU53(value)) refuse(value, 53);
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.u8(rest);
  }

  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
    return this;
  }

  /** Length as a varint, then the bytes. */
  bytes(bytes: Uint8Array): this {
    return this.varint(bytes.length).raw(bytes);
  }

  /** Overwrites four bytes written before, e.g. a length or checksum that is known only now. */
  patchU32(offset: number, value: number): this {
    if (value >>> 0 !== value) refuse(value, 32);
    this.#view.setUint32(offset, value);
    return this;
  }

  /** A view, valid until the next write. */
  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Forgets what was written but keeps the buffer. Earlier `finish()` views become invalid. */
  reset(): this {
    this.#length = 0;
    return this;
  }
}

/** Reads what {@link ByteWriter} wrote. Every method throws {@link CodecError} at the end of the bytes. */
export class ByteReader {
  readonly #buffer: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#buffer.length - this.#offset;
  }

  #take(count: number): number {
    const at = this.#offset;
    if (count > this.#buffer.length - at) {
      throw new CodecError(`need ${count} bytes at ${at} of ${this.#buffer.length}`);
    }
    this.#offset = at + count;
    return at;
  }

  u8(): number {
    return this.#buffer[this.#take(1)]!;
  }

  /** Passes by so many bytes. */
  skip(count: number): void {
    this.#take(count);
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  u64(): number {
    const at = this.#take(8);
    const value = this.#view.getUint32(at) * TWO_32 + this.#view.getUint32(at + 4);
    if (!Number.isSafeInteger(value)) throw new CodecError(`u64 at ${at} exceeds 2^53-1`);
    return value;
  }

  timestamp(): Timestamp {
    return this.#view.getBigUint64(this.#take(8));
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) throw new CodecError('varint exceeds 2^53-1');
        return value;
      }
      scale *= 0x80;
    }
    throw new CodecError('varint longer than 8 bytes');
  }

  /** A view into the source; copy what outlives it. */
  raw(count: number): Uint8Array {
    const at = this.#take(count);
    return this.#buffer.subarray(at, at + count);
  }

  bytes(): Uint8Array {
    const length = this.varint();
    return length === 0 ? EMPTY_BYTES : this.raw(length);
  }

  rest(): Uint8Array {
    return this.raw(this.remaining);
  }

  /** Asserts that a format has no trailing bytes. */
  end(): void {
    if (this.remaining !== 0) throw new CodecError(`${this.remaining} trailing bytes`);
  }
}
