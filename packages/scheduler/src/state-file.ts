import {
  ByteReader,
  ByteWriter,
  CodecError,
  crc32,
  type Fs,
  KvError,
  type LogIndex,
  type Term,
} from '@tinykv/base';
import { SchedulerState } from './state.js';

/** The state after the entry at `index`: what recovery starts from, and what lets the log forget the rest. */
export interface StoredState {
  readonly index: LogIndex;
  readonly term: Term;
  readonly state: SchedulerState;
}

export const STATE_FILE = 'scheduler.state';
/** "TKSS". */
const MAGIC = 0x544b_5353;
/** 2: starts of stores. */
const VERSION = 2;
const VERSIONS_READ: readonly number[] = [1, VERSION];

/** magic u32 | version u16 | index u64 | term u64 | state | crc u32 over all before it. */
export function encodeStateFile(index: LogIndex, term: Term, state: SchedulerState): Uint8Array {
  const writer = new ByteWriter().u32(MAGIC).u16(VERSION).u64(index).u64(term).raw(state.encode());
  return writer.u32(crc32(writer.finish())).finish();
}

/** Throws KvError DATA_LOSS for anything but a whole file of a known version. */
export function decodeStateFile(bytes: Uint8Array): StoredState {
  try {
    const reader = new ByteReader(bytes.subarray(0, -4));
    if (reader.u32() !== MAGIC) throw new CodecError('not a scheduler state');
    const version = reader.u16();
    if (!VERSIONS_READ.includes(version)) {
      throw new CodecError(`version ${version} is not ${VERSION}`);
    }
    const crc = new ByteReader(bytes.subarray(-4)).u32();
    if (crc !== crc32(bytes.subarray(0, -4))) throw new CodecError('bad checksum');
    return { index: reader.u64(), term: reader.u64(), state: SchedulerState.decode(reader.rest()) };
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    const message = `${STATE_FILE} is damaged: ${error.message} (see docs/errors.md)`;
    throw new KvError('DATA_LOSS', message, { cause: error });
  }
}

export async function readStateFile(fs: Fs): Promise<StoredState | undefined> {
  const bytes = await fs.readFile(STATE_FILE);
  return bytes === undefined ? undefined : decodeStateFile(bytes);
}

/** Durable and whole when it resolves; the former file stays until then. */
export function writeStateFile(fs: Fs, stored: StoredState): Promise<void> {
  return fs.writeFileAtomic(STATE_FILE, encodeStateFile(stored.index, stored.term, stored.state));
}
