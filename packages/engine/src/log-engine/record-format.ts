import { crc32 } from 'node:zlib';
import { ByteReader, type ByteWriter, CodecError, EMPTY_BYTES } from '@tinykv/base';
import { beginFrame, FRAME_HEADER_BYTES } from '../frame-format.js';

/**
 * The payload of a frame: one batch. Numbers without a width are varints.
 *
 * ```text
 *   payload   durable u32 | dropped u32 | record …
 *   record    crc u32 | key bytes × 2, and 1 when it deletes | value bytes | key | value
 * ```
 * `durable`: the bytes of this segment that a sync had covered when the frame was written. `dropped`: this
 * segment and all before it are not needed. A record has a checksum of its own, so that it can be read alone.
 */
const DURABLE_AT = FRAME_HEADER_BYTES;
const DROPPED_AT = DURABLE_AT + 4;
export const RECORDS_AT: number = DROPPED_AT + 4;

/** What a frame says besides its records. */
export interface FrameFacts {
  readonly durable: number;
  readonly dropped: number;
}

/** Begins a frame in `w`; its facts are filled in by {@link patchFacts}. */
export function beginBatch(w: ByteWriter): void {
  beginFrame(w);
  w.u32(0).u32(0);
}

export function patchFacts(w: ByteWriter, { durable, dropped }: FrameFacts): void {
  w.patchU32(DURABLE_AT, durable).patchU32(DROPPED_AT, dropped);
}

/** Throws CodecError. */
export function readFacts(payload: Uint8Array): FrameFacts {
  const r = new ByteReader(payload);
  return { durable: r.u32(), dropped: r.u32() };
}

/** Undefined as value: the record deletes the key. */
export function writeRecord(w: ByteWriter, key: Uint8Array, value: Uint8Array | undefined): void {
  const start = w.length;
  w.u32(0).varint(key.length * 2 + (value === undefined ? 1 : 0));
  w.varint(value?.length ?? 0)
    .raw(key)
    .raw(value ?? EMPTY_BYTES);
  w.patchU32(start, crc32(w.finish().subarray(start + 4)));
}

export interface LogRecord {
  /** Views. */
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly isDelete: boolean;
  /** Within the bytes that were read. */
  readonly offset: number;
  readonly bytes: number;
}

/** The one record that makes up all of `bytes`. Throws CodecError, also for a wrong checksum. */
export function readRecord(bytes: Uint8Array): LogRecord {
  const r = new ByteReader(bytes);
  const crc = r.u32();
  if (crc !== crc32(bytes.subarray(4))) throw new CodecError('checksum mismatch');
  const record = readBody(r, 0);
  if (r.remaining > 0) throw new CodecError(`${r.remaining} bytes behind the record`);
  return record;
}

/** The records of a payload whose frame is right. Throws CodecError. */
export function* readRecords(payload: Uint8Array): Generator<LogRecord, void, undefined> {
  const r = new ByteReader(payload);
  r.raw(RECORDS_AT - FRAME_HEADER_BYTES);
  while (r.remaining > 0) {
    const start = r.offset;
    r.u32();
    yield readBody(r, start);
  }
}

function readBody(r: ByteReader, offset: number): LogRecord {
  const head = r.varint();
  const valueBytes = r.varint();
  const key = r.raw(Math.floor(head / 2));
  const value = r.raw(valueBytes);
  return { key, value, isDelete: head % 2 === 1, offset, bytes: r.offset - offset };
}
