import { copyBytes, type Rng } from '@tinykv/base';

const SECTOR_BYTES = 512;

/** A change of a file that is in the page cache and not on the disk. */
type Change =
  | { readonly kind: 'write'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'cut'; readonly size: number };

/** The fate of changes that a crash finds unsynced. */
export type Tear = 'lost' | 'kept' | 'torn';

/** The fate of writes that no sync had covered at a crash; a write of which a part is lost is lost. */
export interface WriteLoss {
  readonly kept: number;
  readonly lost: number;
}

/** A file as programs see it, and as the disk has it. */
export class FileContent {
  #seen: Uint8Array;
  #durable: Uint8Array;
  /** In the order in which they were made. */
  #unsynced: Change[] = [];

  #used: number;
  #lastAt = 0;

  /** A durable file, of which so many bytes have been written. */
  constructor(bytes: Uint8Array = new Uint8Array(0), used = 0) {
    this.#used = used;
    this.#seen = copyBytes(bytes);
    this.#durable = copyBytes(bytes);
  }

  /** A view. */
  get bytes(): Uint8Array {
    return this.#seen;
  }

  /** Where the last write of all ends: what stands behind was never anything but zeros. */
  get used(): number {
    return Math.min(this.#used, this.#seen.length);
  }

  /** Where the last write began. */
  get lastAt(): number {
    return this.#lastAt;
  }

  /** Writes that a sync could still bring to the disk. */
  get unsynced(): number {
    return this.#unsynced.filter(({ kind }) => kind === 'write').length;
  }

  write(offset: number, bytes: Uint8Array): void {
    const copy = copyBytes(bytes);
    this.#unsynced.push({ kind: 'write', offset, bytes: copy });
    this.#seen = grown(this.#seen, offset + copy.length);
    this.#seen.set(copy, offset);
    this.#used = Math.max(this.#used, offset + copy.length);
    this.#lastAt = offset;
  }

  cut(size: number): void {
    this.#unsynced.push({ kind: 'cut', size });
    this.#seen = sized(this.#seen, size);
  }

  /**
   * Runs a sync, which covers the changes that were made before. After one that failed the kernel calls their pages
   * clean: no later sync brings them to the disk.
   */
  async sync(work: () => Promise<void>): Promise<void> {
    const covered = [...this.#unsynced];
    const done = new Set(covered);
    try {
      await work();
      for (const change of covered) this.#durable = applied(this.#durable, change);
    } finally {
      this.#unsynced = this.#unsynced.filter((change) => !done.has(change));
    }
  }

  /** Of changes that were not synced all sectors are lost, none, or any. */
  crash(tear: Tear, rng: Rng): WriteLoss {
    const loss = { kept: 0, lost: 0 };
    for (const change of this.#unsynced) {
      const isTorn = tear === 'torn' && change.kind === 'write';
      const isKept = tear === 'kept' || (tear === 'torn' && rng.int(0, 2) === 0);
      if (isKept) this.#durable = applied(this.#durable, change);
      else if (isTorn) this.#durable = torn(this.#durable, change, rng);
      if (change.kind === 'write') loss[isKept ? 'kept' : 'lost']++;
    }
    this.#unsynced = [];
    this.#seen = copyBytes(this.#durable);
    return loss;
  }

  /** Puts bytes in the place of others, wherever those are kept. */
  overwrite(at: number, bytes: Uint8Array): void {
    this.#seen.set(bytes, at);
    this.#durable.set(bytes.subarray(0, Math.max(0, this.#durable.length - at)), at);
  }

  /** Flips bits of one byte, wherever it is kept. */
  flip(at: number, mask: number): void {
    this.#seen[at]! ^= mask;
    if (at < this.#durable.length) this.#durable[at]! ^= mask;
  }
}

function applied(file: Uint8Array, change: Change): Uint8Array {
  if (change.kind === 'cut') return sized(file, change.size);
  const { offset, bytes } = change;
  const result = sized(file, Math.max(file.length, offset + bytes.length));
  result.set(bytes, offset);
  return result;
}

/** Some sectors of a write have come to the disk. The file may have grown farther than its data. */
function torn(
  file: Uint8Array,
  { offset, bytes }: { readonly offset: number; readonly bytes: Uint8Array },
  rng: Rng,
): Uint8Array {
  const end = offset + bytes.length;
  let result = sized(
    file,
    Math.max(file.length, rng.int(file.length, Math.max(file.length, end) + 1)),
  );
  for (let at = offset; at < end; ) {
    const next = Math.min(end, (Math.floor(at / SECTOR_BYTES) + 1) * SECTOR_BYTES);
    if (rng.int(0, 2) === 0) {
      result = sized(result, Math.max(result.length, next));
      result.set(bytes.subarray(at - offset, next - offset), at);
    }
    at = next;
  }
  return result;
}

/**
 * At least so long, with zeros behind what is there. Appends find room in the buffer, so that not each of them copies the file.
 * Nobody else writes behind the end of a view, and what shortens a file gives it a buffer of its own.
 */
function grown(file: Uint8Array, size: number): Uint8Array {
  if (file.length >= size) return file;
  const { buffer } = file;
  if (size <= buffer.byteLength) return new Uint8Array(buffer, 0, size);
  const larger = new Uint8Array(2 * size);
  larger.set(file);
  return larger.subarray(0, size);
}

/** Zeros behind what is there. */
function sized(file: Uint8Array, size: number): Uint8Array {
  if (file.length === size) return file;
  const result = new Uint8Array(size);
  result.set(file.subarray(0, size));
  return result;
}
