import { CodecError, equalBytes, type IteratorRange } from '@tinykv/base';
import { damage } from '../damage.js';
import { SortedMap, type SortedView } from '../sorted-map.js';
import type { DataSegment } from './data-segment.js';
import { type LogRecord, readRecord } from './record-format.js';

/** Where the newest record of a key stands. */
export interface Place {
  readonly segment: DataSegment;
  readonly offset: number;
  readonly bytes: number;
}

/** Heap that a key takes beside its bytes: its view, its place, and its slots in the tree. */
const KEY_HEAP_BYTES = 280;

/** A frozen {@link KeyDirectory}. */
export type DirectoryView = SortedView<Place>;

/** Where the value of each key is, all in memory; keeps count of what each segment still has. */
export class KeyDirectory {
  readonly #places = new SortedMap<Place>();
  #liveBytes = 0;
  #keyBytes = 0;

  /** Takes a key above all others, before the first view. Keeps it. */
  append(key: Uint8Array, place: Place): void {
    this.#places.append(key, place);
    this.#keyBytes += key.length;
    this.#count(place, 1);
  }

  /** Bytes of all records that it points to. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  /** About what it takes of the heap; views apart. */
  get heapBytes(): number {
    return this.#places.size * KEY_HEAP_BYTES + this.#keyBytes;
  }

  get(key: Uint8Array): Place | undefined {
    return this.#places.get(key);
  }

  /** Keeps the key: it must not be changed afterwards. */
  put(key: Uint8Array, place: Place): void {
    const before = this.#places.set(key, place);
    if (before === undefined) this.#keyBytes += key.length;
    this.#count(before, -1);
    this.#count(place, 1);
  }

  delete(key: Uint8Array): void {
    const before = this.#places.delete(key);
    if (before !== undefined) this.#keyBytes -= key.length;
    this.#count(before, -1);
  }

  freeze(): DirectoryView {
    return this.#places.freeze();
  }

  #count(place: Place | undefined, sign: 1 | -1): void {
    if (place === undefined) return;
    place.segment.liveBytes += sign * place.bytes;
    this.#liveBytes += sign * place.bytes;
  }
}

/** The value of a key. Throws DATA_LOSS when what is there is not the record of that key. */
export function readValue(key: Uint8Array, { segment, offset, bytes }: Place): Uint8Array {
  let record: LogRecord;
  try {
    record = readRecord(segment.read(offset, bytes));
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw damage(segment.path, `record at byte ${offset}`, error);
  }
  if (record.isDelete || !equalBytes(record.key, key)) {
    throw damage(segment.path, `record at byte ${offset} is that of another key`);
  }
  return record.value;
}

export function sizeOf(view: DirectoryView, range: IteratorRange): number {
  let bytes = 0;
  for (const [, place] of view.entries(range)) bytes += place.bytes;
  return bytes;
}
