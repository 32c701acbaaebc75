import type { LogIndex } from '@tinykv/base';

/** A mark is made every so many bytes: what is known of a log is exact to this. */
const MARK_BYTES = 65_536;

/** All entries up to and with `index` come to so many bytes, counted from the start of the process. */
interface Mark {
  readonly index: LogIndex;
  readonly bytes: number;
}

/**
 * How many bytes the kept entries of one log have, without a number for each entry. What a start found on disk
 * counts as nothing: it goes by number and by age.
 */
export class LogSizes {
  /** Indexes and bytes rise. */
  #marks: Mark[] = [];
  #total = 0;
  /** The newest entry. */
  #last: LogIndex = 0;
  /** Of `#total`, what is forgotten by the log. */
  #dropped = 0;

  /** Bytes of the kept entries, too many by one mark at most. */
  get bytes(): number {
    return this.#total - this.#dropped;
  }

  /** An entry is added at the end. */
  append(index: LogIndex, bytes: number): void {
    this.#total += bytes;
    this.#last = index;
    const marked = this.#marks.at(-1)?.bytes ?? this.#dropped;
    if (this.#total - marked >= MARK_BYTES) this.#marks.push({ index, bytes: this.#total });
  }

  /** Entries at or behind `first` are gone, of so many bytes. */
  cut(first: LogIndex, bytes: number): void {
    while (this.#marks.length > 0 && this.#marks.at(-1)!.index >= first) this.#marks.pop();
    this.#total -= bytes;
    this.#last = first - 1;
  }

  /** Entries up to and with `index` are gone. */
  dropThrough(index: LogIndex): void {
    if (index >= this.#last) {
      this.clear();
      return;
    }
    let count = 0;
    while (count < this.#marks.length && this.#marks[count]!.index <= index) count++;
    if (count === 0) return;
    this.#dropped = this.#marks[count - 1]!.bytes;
    this.#marks.splice(0, count);
  }

  /** The log begins anew. */
  clear(): void {
    this.#marks = [];
    this.#dropped = this.#total;
  }

  /** Up to where entries may go while at least `bytes` of the newest stay; 0 when all stay. */
  indexBefore(bytes: number): LogIndex {
    const end = this.#total - bytes;
    let low = 0;
    let high = this.#marks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#marks[middle]!.bytes <= end) low = middle + 1;
      else high = middle;
    }
    return low === 0 ? 0 : this.#marks[low - 1]!.index;
  }
}
