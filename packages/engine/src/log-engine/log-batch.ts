import { assert, ByteWriter, copyBytes, type WriteBatch } from '@tinykv/base';
import type { PlacedRecord } from './hint-format.js';
import { beginBatch, writeRecord } from './record-format.js';

export interface TakenBatch {
  /** A frame whose header and facts are not filled in yet. */
  readonly frame: ByteWriter;
  /** Their offsets are those within the frame. */
  readonly records: readonly PlacedRecord[];
}

/** Operations are encoded as they come, so that a write has only to seal the frame. */
export class LogBatch implements WriteBatch {
  readonly #frame = new ByteWriter();
  readonly #records: PlacedRecord[] = [];
  #bytes = 0;
  #taken = false;

  constructor() {
    beginBatch(this.#frame);
  }

  get count(): number {
    return this.#records.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#add(key, value);
  }

  delete(key: Uint8Array): void {
    this.#add(key, undefined);
  }

  /** A record of another frame, as it stands there. */
  copy(key: Uint8Array, record: Uint8Array): void {
    assert(!this.#taken, 'a batch is written once');
    const offset = this.#frame.length;
    this.#frame.raw(record);
    this.#push(key, offset, false);
  }

  get isTaken(): boolean {
    return this.#taken;
  }

  take(): TakenBatch {
    assert(!this.#taken, 'a batch is written once');
    this.#taken = true;
    return { frame: this.#frame, records: this.#records };
  }

  #add(key: Uint8Array, value: Uint8Array | undefined): void {
    assert(!this.#taken, 'a batch is written once');
    const offset = this.#frame.length;
    writeRecord(this.#frame, key, value);
    this.#push(key, offset, value === undefined);
    this.#bytes += key.length + (value?.length ?? 0);
  }

  #push(key: Uint8Array, offset: number, isDelete: boolean): void {
    const bytes = this.#frame.length - offset;
    this.#records.push({ key: copyBytes(key), isDelete, offset, bytes });
  }
}
