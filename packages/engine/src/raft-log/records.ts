import { crc32 } from 'node:zlib';
import { ByteReader, ByteWriter, CodecError, KvError, type LogIndex } from '@tinykv/base';
import { decodeEntry, type Entry, encodeEntry } from '@tinykv/raft';
import type { GroupLog } from './group-log.js';

/**
 * Records of the log in an ordered key-value store:
 *
 * ```text
 *   group u64 | 1              crc u32 | version u8 | term vote commit | truncated index, term | applied   (u64 each)
 *   group u64 | 2 | index u64  crc u32 | the entry as its leader encoded it
 * ```
 * All numbers are big-endian. The checksum covers the key too, so that a value that turns up under
 * another key is found out.
 */
const KIND_STATE = 1;
const KIND_ENTRY = 2;
const STATE_VERSION = 1;

const STATE_KEY_BYTES = 9;
const ENTRY_KEY_BYTES = 17;
const CRC_BYTES = 4;

export function stateKey(group: number): Uint8Array {
  return new ByteWriter(STATE_KEY_BYTES).u64(group).u8(KIND_STATE).finish();
}

export function entryKey(group: number, index: LogIndex): Uint8Array {
  return new ByteWriter(ENTRY_KEY_BYTES).u64(group).u8(KIND_ENTRY).u64(index).finish();
}

export type RecordKey =
  | { readonly kind: 'state'; readonly group: number }
  | { readonly kind: 'entry'; readonly group: number; readonly index: LogIndex };

/** What a key says; undefined when it is not one of ours. */
export function parseKey(key: Uint8Array): RecordKey | undefined {
  const reader = new ByteReader(key);
  if (key.length === STATE_KEY_BYTES) {
    const group = reader.u64();
    return reader.u8() === KIND_STATE ? { kind: 'state', group } : undefined;
  }
  if (key.length === ENTRY_KEY_BYTES) {
    const group = reader.u64();
    return reader.u8() === KIND_ENTRY ? { kind: 'entry', group, index: reader.u64() } : undefined;
  }
  return undefined;
}

/** The state record's key and value. */
export function encodeState(log: GroupLog): [key: Uint8Array, value: Uint8Array] {
  const payload = new ByteWriter(64)
    .u8(STATE_VERSION)
    .u64(log.hardState.term)
    .u64(log.hardState.vote)
    .u64(log.hardState.commit)
    .u64(log.truncated.index)
    .u64(log.truncated.term)
    .u64(log.durableApplied)
    .finish();
  const key = stateKey(log.group);
  return [key, seal(key, payload)];
}

/** The group as its state record tells it: as yet without entries. */
export function decodeState(group: number, key: Uint8Array, value: Uint8Array): GroupLog {
  const payload = unseal(key, value);
  try {
    if (payload === undefined) throw new CodecError('bad checksum');
    const reader = new ByteReader(payload);
    const version = reader.u8();
    if (version !== STATE_VERSION) throw new CodecError(`unknown version ${version}`);
    const hardState = { term: reader.u64(), vote: reader.u64(), commit: reader.u64() };
    const truncated = { index: reader.u64(), term: reader.u64() };
    const durableApplied = reader.u64();
    reader.end();
    return {
      group,
      hardState,
      truncated,
      lastIndex: truncated.index,
      durableApplied,
      termRuns: [],
    };
  } catch (error) {
    if (error instanceof CodecError) throw dataLoss(`state of group ${group}`, error);
    throw error;
  }
}

export function sealEntry(group: number, entry: Entry): [key: Uint8Array, value: Uint8Array] {
  const key = entryKey(group, entry.index);
  return [key, seal(key, encodeEntry(entry))];
}

/** Checks a stored entry and decodes it; throws DATA_LOSS, naming group and index. */
export function openEntry(
  group: number,
  index: LogIndex,
  key: Uint8Array,
  value: Uint8Array,
): Entry {
  const payload = unseal(key, value);
  if (payload === undefined) {
    throw dataLoss(`entry ${index} of group ${group}`, new CodecError('bad checksum'));
  }
  try {
    const entry = decodeEntry(payload);
    if (entry.index !== index) throw new CodecError(`holds entry ${entry.index}`);
    return entry;
  } catch (error) {
    if (error instanceof CodecError) throw dataLoss(`entry ${index} of group ${group}`, error);
    throw error;
  }
}

export function dataLoss(what: string, cause: Error): KvError {
  return new KvError('DATA_LOSS', `raft log: ${what}: ${cause.message}`, { cause });
}

function seal(key: Uint8Array, payload: Uint8Array): Uint8Array {
  const out = new Uint8Array(CRC_BYTES + payload.length);
  new DataView(out.buffer).setUint32(0, crc32(payload, crc32(key)));
  out.set(payload, CRC_BYTES);
  return out;
}

/** The payload, as a view; undefined when the checksum does not match. */
function unseal(key: Uint8Array, value: Uint8Array): Uint8Array | undefined {
  if (value.length < CRC_BYTES) return undefined;
  const payload = value.subarray(CRC_BYTES);
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  return view.getUint32(0) === crc32(payload, crc32(key)) ? payload : undefined;
}
