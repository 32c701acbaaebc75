import { closeSync, openSync, readSync } from 'node:fs';
import { damage } from '../damage.js';
import {
  BLOCK_BYTES,
  declaredEnd,
  flippedBit,
  HEADER_BYTES,
  type PhysicalRecord,
  RECORD_TYPE,
  recordAt,
  typeAt,
} from './log-format.js';

export interface LogCheckOptions {
  /** No record was begun before the one before it was durable: only the last can be incomplete. */
  readonly everyRecordSynced: boolean;
  /** Is given each record, or each fragment of one, in order; `isEnd` with the last. */
  readonly onFragment?: (payload: Uint8Array, isEnd: boolean) => void;
}

/** A log without damage. */
export interface LogVerdict {
  /** Those that can be read as a whole. */
  readonly records: number;
  /** Where the first record lies that a crash has cut short, if one has. */
  readonly tornAt: number | undefined;
}

/**
 * Reads a log as LevelDB will, which drops in silence what it cannot make out, and throws DATA_LOSS unless
 * a crash explains all that would be dropped. Needs the memory of one block.
 *
 * A crash leaves a record incomplete at the end of the file: its end is missing, or parts of it are zero
 * since the file had grown before they were written. Where records are not synced one by one, such a hole
 * may also have records behind it. All else is damage: a record that is complete and wrong, a fragment
 * without its beginning or its end, and above all a record of which just one bit is wrong.
 */
export function checkLog(file: string, options: LogCheckOptions): LogVerdict {
  const walk = new LogWalk(file, options);
  const buffer = new Uint8Array(BLOCK_BYTES);
  const fd = openSync(file, 'r');
  try {
    for (let base = 0; ; base += BLOCK_BYTES) {
      const length = readBlock(fd, buffer, base);
      walk.block(buffer.subarray(0, length), base);
      if (length < BLOCK_BYTES) return walk.end();
    }
  } finally {
    closeSync(fd);
  }
}

function readBlock(fd: number, buffer: Uint8Array, base: number): number {
  let length = 0;
  while (length < buffer.length) {
    const count = readSync(fd, buffer, length, buffer.length - length, base + length);
    if (count === 0) break;
    length += count;
  }
  return length;
}

/** What was passed over. */
interface Gap {
  readonly offset: number;
  readonly what: string;
  /** A crash explains it. */
  readonly isTorn: boolean;
}

class LogWalk {
  readonly #file: string;
  readonly #options: LogCheckOptions;
  #records = 0;
  #tornAt: number | undefined;
  /** What was passed over since the last record. */
  #gap: Gap | undefined;
  /** Where the fragments began to which the next belongs; undefined between records, -1 behind a gap. */
  #begun: number | undefined;

  constructor(file: string, options: LogCheckOptions) {
    this.#file = file;
    this.#options = options;
  }

  block(block: Uint8Array, base: number): void {
    let at = 0;
    while (at + HEADER_BYTES <= block.length) {
      const record = recordAt(block, at);
      if (record !== undefined) {
        this.#take(block, record, base + at);
        at = record.end;
      } else {
        this.#pass(this.#gapAt(block, at, base));
        at = nextAfter(block, at);
      }
    }
    // What remains of a whole block is never used; at the end of the file a header may be cut short.
    const isCut = at < block.length && block.length < BLOCK_BYTES;
    if (isCut) this.#pass({ offset: base + at, what: 'half a header', isTorn: true });
  }

  end(): LogVerdict {
    const gap = this.#gap;
    if (gap !== undefined && !gap.isTorn) throw this.#damage(gap);
    if (this.#begun !== undefined && this.#begun >= 0) this.#tornAt ??= this.#begun;
    return { records: this.#records, tornAt: this.#tornAt };
  }

  #gapAt(block: Uint8Array, at: number, base: number): Gap {
    const offset = base + at;
    if (block.subarray(at, at + HEADER_BYTES).every((byte) => byte === 0)) {
      return { offset, what: 'zeros', isTorn: true };
    }
    const flip = flippedBit(block, at);
    if (flip !== undefined) {
      const what = `bit ${flip.bit} of byte ${base + flip.byte} is flipped`;
      throw this.#damage({ offset, what, isTorn: false });
    }
    const end = declaredEnd(block, at);
    if (typeAt(block, at) !== undefined && end > block.length && end <= BLOCK_BYTES) {
      return { offset, what: 'its end is missing', isTorn: true };
    }
    // Without a type the length means nothing either.
    const to = typeAt(block, at) === undefined ? at + HEADER_BYTES : end;
    const isTorn = hasUnwritten(block, at, to);
    return { offset, what: 'its checksum is wrong', isTorn };
  }

  /** Remembers the first gap since the last record, or the first that no crash explains. */
  #pass(gap: Gap): void {
    this.#tornAt ??= this.#begun !== undefined && this.#begun >= 0 ? this.#begun : gap.offset;
    if (this.#gap === undefined || (this.#gap.isTorn && !gap.isTorn)) this.#gap = gap;
    this.#begun = -1;
  }

  #take(block: Uint8Array, record: PhysicalRecord, offset: number): void {
    const { type } = record;
    const begins = type === RECORD_TYPE.full || type === RECORD_TYPE.first;
    this.#leaveGap(begins);
    if (begins && this.#begun !== undefined && this.#begun >= 0) {
      const what = `the next at byte ${offset} begins before it ends`;
      throw this.#damage({ offset: this.#begun, what, isTorn: false });
    }
    if (!begins && this.#begun === undefined) {
      throw this.#damage({ offset, what: 'its beginning is missing', isTorn: false });
    }
    if (type === RECORD_TYPE.first) this.#begun = offset;
    const isEnd = type === RECORD_TYPE.full || type === RECORD_TYPE.last;
    const isKnown = begins || this.#begun !== -1;
    if (isKnown) {
      this.#options.onFragment?.(block.subarray(record.at + HEADER_BYTES, record.end), isEnd);
      if (isEnd) this.#records++;
    }
    if (isEnd) this.#begun = undefined;
  }

  /** Something valid follows the gap: the file goes on behind it. */
  #leaveGap(begins: boolean): void {
    const gap = this.#gap;
    if (gap === undefined) return;
    const isSynced = this.#options.everyRecordSynced;
    if (!gap.isTorn || (isSynced && begins)) throw this.#damage(gap);
    // When synced, this is the rest of the record with the gap, and nothing may begin behind it.
    if (!isSynced) this.#gap = undefined;
  }

  #damage(gap: Gap): Error {
    return damage(this.#file, `record at byte ${gap.offset}: ${gap.what}`);
  }
}

/** Where to look on behind something that is no record. */
function nextAfter(block: Uint8Array, at: number): number {
  if (typeAt(block, at) !== undefined) {
    const end = declaredEnd(block, at);
    // A header that makes sense is believed: its payload may hold anything, the bytes of a log too.
    if (end <= BLOCK_BYTES) return Math.min(end, block.length);
  }
  for (let next = at + 1; next + HEADER_BYTES <= block.length; next++) {
    if (recordAt(block, next) !== undefined) return next;
  }
  return block.length;
}

/** Disks write a sector as a whole; file systems use multiples of it. */
const SECTOR_BYTES = 512;
/** So many zeros at the end of a sector are no chance. */
const UNWRITTEN_BYTES_MIN = 8;

/** Whether some of these bytes, up to the end of a sector or of the file, look as if never written. */
function hasUnwritten(block: Uint8Array, from: number, to: number): boolean {
  const last = Math.min(sectorEnd(to), block.length);
  let zeros = 0;
  for (let i = from; i < last; i++) {
    zeros = block[i] === 0 ? zeros + 1 : 0;
    const isEdge = sectorEnd(i + 1) === i + 1 || i + 1 === block.length;
    const begin = i + 1 - zeros;
    if (isEdge && zeros >= UNWRITTEN_BYTES_MIN && begin < to) return true;
  }
  return false;
}

/** Blocks begin with a sector. */
function sectorEnd(at: number): number {
  return Math.ceil(at / SECTOR_BYTES) * SECTOR_BYTES;
}
