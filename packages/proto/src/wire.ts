/**
 * What generated code needs beside the runtime's own `Reader` and `Writer`: u64 without `Long`, checked
 * numbers, ends of nested messages and unknown fields.
 */
import type { Reader, Writer } from 'protobufjs/minimal.js';
import type { MessageCodec } from './codec.js';
import { ProtoError } from './proto-error.js';

const TWO_32 = 2 ** 32;
/** How deep messages may nest, as in every other protobuf runtime. */
const NESTING_MAX = 100;

/** Turns halves into a bigint and back: three times as fast as shifts. Holds nothing between calls. */
const register = new DataView(new ArrayBuffer(8));

/** A 64-bit varint as two unsigned halves. */
interface Halves {
  readonly low: number;
  readonly high: number;
}

function readByte(reader: Reader): number {
  const byte = reader.pos < reader.len ? reader.buf[reader.pos] : undefined;
  if (byte === undefined) throw new RangeError('varint is cut off');
  reader.pos++;
  return byte;
}

/** Gathers seven bits a byte into parts of 28 bits, which are numbers that shifts do not truncate. */
function readHalves(reader: Reader): Halves {
  let bits0 = 0;
  let bits28 = 0;
  let bits56 = 0;
  for (let i = 0; i < 10; i++) {
    const byte = readByte(reader);
    const part = (byte & 0x7f) << (7 * (i % 4));
    if (i < 4) bits0 |= part;
    else if (i < 8) bits28 |= part;
    else bits56 |= part;
    if (byte < 0x80) {
      if (i === 9 && byte > 1) break;
      return { low: (bits0 | (bits28 << 28)) >>> 0, high: ((bits28 >>> 4) | (bits56 << 24)) >>> 0 };
    }
  }
  throw new RangeError('varint exceeds 64 bits');
}

/** A varint below 2^28 in the common case, else -1 with the reader where it was. */
function readShort(reader: Reader): number {
  const { buf, pos } = reader;
  const last = Math.min(pos + 4, reader.len);
  let value = 0;
  for (let i = pos, scale = 1; i < last; i++, scale *= 0x80) {
    const byte = buf[i]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      reader.pos = i + 1;
      return value;
    }
  }
  return -1;
}

/** A u64 that must be below 2^53: refused, never rounded, when it is not. */
export function readU53(reader: Reader, field: string): number {
  const short = readShort(reader);
  if (short >= 0) return short;
  const { low, high } = readHalves(reader);
  const value = high * TWO_32 + low;
  if (!Number.isSafeInteger(value)) throw new ProtoError(field, 'exceeds 2^53-1');
  return value;
}

/** An i64 that must lie within ±(2^53-1). */
export function readI53(reader: Reader, field: string): number {
  const short = readShort(reader);
  if (short >= 0) return short;
  const { low, high } = readHalves(reader);
  const value = (high | 0) * TWO_32 + low;
  if (!Number.isSafeInteger(value)) throw new ProtoError(field, 'is beyond ±(2^53-1)');
  return value;
}

/** A timestamp: any u64. */
export function readU64(reader: Reader): bigint {
  const { low, high } = readHalves(reader);
  register.setUint32(0, high);
  register.setUint32(4, low);
  return register.getBigUint64(0);
}

/** A packed repeated u64 field: numbers are added to `into`. */
export function readPackedU53(reader: Reader, into: number[], end: number, field: string): void {
  const packedEnd = readEnd(reader, end, field);
  while (reader.pos < packedEnd) into.push(readU53(reader, field));
  checkEnd(reader, packedEnd, field);
}

/** Reads a length and returns the offset at which the field ends, which is not beyond `end`. */
export function readEnd(reader: Reader, end: number, field: string): number {
  const length = reader.size();
  if (length > end - reader.pos)
    throw new ProtoError(field, `length ${length} exceeds its message`);
  return reader.pos + length;
}

export function checkEnd(reader: Reader, end: number, field: string): void {
  if (reader.pos !== end) throw new ProtoError(field, 'ends inside a field');
}

export function checkDepth(depth: number, message: string): void {
  if (depth > NESTING_MAX) throw new ProtoError(message, `nests deeper than ${NESTING_MAX}`);
}

/** Skips a field that the message does not have; one that it has came with the wrong wire type. */
export function skipUnknown<T>(
  reader: Reader,
  tag: number,
  depth: number,
  codec: MessageCodec<T>,
): void {
  const number = tag >>> 3;
  const wireType = tag & 7;
  const field = codec.fields.get(number);
  if (field !== undefined) {
    throw new ProtoError(`${codec.name}.${field}`, `wire type ${wireType} is not its own`);
  }
  reader.skipType(wireType, depth, number);
}

function checkInteger(value: number, min: number, max: number, field: string): void {
  if (!(Number.isInteger(value) && value >= min && value <= max)) {
    throw new ProtoError(field, `${value} is not an integer from ${min} to ${max}`);
  }
}

export function writeU32(writer: Writer, tag: number, value: number, field: string): void {
  checkInteger(value, 0, TWO_32 - 1, field);
  writer.uint32(tag).uint32(value);
}

export function writeI32(writer: Writer, tag: number, value: number, field: string): void {
  checkInteger(value, -TWO_32 / 2, TWO_32 / 2 - 1, field);
  writer.uint32(tag).int32(value);
}

export function writeU53(writer: Writer, tag: number, value: number, field: string): void {
  checkInteger(value, 0, Number.MAX_SAFE_INTEGER, field);
  writer.uint32(tag);
  if (value < TWO_32) writer.uint32(value);
  else writer.uint64(value);
}

export function writeI53(writer: Writer, tag: number, value: number, field: string): void {
  checkInteger(value, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER, field);
  writer.uint32(tag).int64(value);
}

export function writeU64(writer: Writer, tag: number, value: bigint, field: string): void {
  register.setBigUint64(0, value);
  if (register.getBigUint64(0) !== value) throw new ProtoError(field, `${value} is not a u64`);
  const halves: Halves = { low: register.getUint32(4), high: register.getUint32(0) };
  // The writer reads nothing but `low` and `high` of a Long; given a bigint it would write 0.
  writer.uint32(tag).uint64(halves as unknown as Parameters<Writer['uint64']>[0]);
}

export function writePackedU53(
  writer: Writer,
  tag: number,
  values: readonly number[],
  field: string,
): void {
  for (const value of values) checkInteger(value, 0, Number.MAX_SAFE_INTEGER, field);
  writer.uint32(tag).uint64s(values as number[]);
}
