import { limits } from '@tinykv/base';
import type { Operation } from './operation.js';
import type { Keyed, RangeScan, ScanPage } from './range-scan.js';

/**
 * A scan that reads ahead of its caller: the next pages of the Region that it is in, and the first ones of the Regions
 * behind it, at most `limits.clientScanPagesAhead` together. It begins once a second page is asked for, since many callers
 * want no more than the first. A page must not depend on when it is read, to be read ahead.
 *
 * A page that could not be read ahead is read again when it is asked for, within the time of that call: a caller never
 * learns of a failure from before it asked.
 */
export class ScanAhead<T extends Keyed> {
  /** In scan order. The first is where the caller is; the others are behind it, a Region each but the last. */
  readonly #parts: ScanPart<T>[];
  /** Throws when nothing may be begun any more. */
  readonly #begin: () => Operation;
  /** Pairs that the caller may still want. */
  #left = 0;
  #asked = 0;
  #isClosed = false;

  constructor(scan: RangeScan<T>, begin: () => Operation) {
    this.#parts = [new ScanPart(scan)];
    this.#begin = begin;
  }

  /** The next page, with perhaps more than `limit` pairs or none; undefined at the end of the range. */
  async next(limit: number, operation: Operation): Promise<ScanPage<T> | undefined> {
    this.#asked += 1;
    for (;;) {
      const part = this.#parts[0];
      if (part === undefined) return undefined;
      this.#left = limit;
      if (this.#asked > 1) this.#readAhead();
      const page = await part.take(limit, operation);
      if (page === undefined) {
        this.#parts.shift();
        continue;
      }
      this.#left = limit - page.pairs.length;
      if (this.#asked > 1) this.#readAhead();
      return page;
    }
  }

  /** Nobody asks any more: no further page is read. */
  close(): void {
    this.#isClosed = true;
  }

  #readAhead(): void {
    let held = 0;
    let pairs = 0;
    for (const part of this.#parts) {
      held += part.heldPages;
      pairs += part.readyPairs;
    }
    for (let i = 0; i < this.#parts.length && held < limits.clientScanPagesAhead; i++) {
      if (this.#isClosed || pairs >= this.#left) return;
      const part = this.#parts[i]!;
      // Behind the first part a page each: its caller comes to it last.
      if (part.isBusy || (i > 0 && part.heldPages > 0)) continue;
      const behind = part.splitOff();
      if (behind !== undefined) this.#parts.splice(i + 1, 0, behind);
      if (this.#load(part, this.#left - pairs)) held += 1;
    }
  }

  /** False: nothing was begun. */
  #load(part: ScanPart<T>, limit: number): boolean {
    let operation: Operation;
    try {
      operation = this.#begin();
    } catch {
      // The call that asks next throws the same.
      return false;
    }
    part.load(limit, operation, () => this.#readAhead());
    return true;
  }
}

/** A part of a range, with pages of it that nobody has taken yet. */
class ScanPart<T extends Keyed> {
  readonly #scan: RangeScan<T>;
  readonly #ready: ScanPage<T>[] = [];
  /** Never rejects. */
  #loading: Promise<void> | undefined;
  /** Why the last page could not be read ahead; nothing is read ahead until it has been asked for. */
  #failure: { readonly error: unknown } | undefined;

  constructor(scan: RangeScan<T>) {
    this.#scan = scan;
  }

  get heldPages(): number {
    return this.#ready.length + (this.#loading === undefined ? 0 : 1);
  }

  get readyPairs(): number {
    return this.#ready.reduce((sum, { pairs }) => sum + pairs.length, 0);
  }

  /** Nothing can be read ahead now. */
  get isBusy(): boolean {
    return this.#loading !== undefined || this.#failure !== undefined || this.#scan.isDone;
  }

  /** Leaves to another part what lies behind its present Region; undefined: nothing, as far as is known. */
  splitOff(): ScanPart<T> | undefined {
    const behind = this.#scan.splitOff();
    return behind && new ScanPart(behind);
  }

  /** Reads a page ahead; `done` is called when that has succeeded. */
  load(limit: number, operation: Operation, done: () => void): void {
    this.#loading = this.#scan.next(limit, operation).then(
      (page) => {
        this.#loading = undefined;
        if (page !== undefined) this.#ready.push(page);
        done();
      },
      (error: unknown) => {
        this.#loading = undefined;
        this.#failure = { error };
      },
    );
  }

  /** The next page: one that was read ahead, or else read now. Undefined at the end of the part. */
  async take(limit: number, operation: Operation): Promise<ScanPage<T> | undefined> {
    if (this.#ready.length === 0) await this.#loading;
    const ready = this.#ready.shift();
    if (ready !== undefined) return ready;
    const failure = this.#failure;
    this.#failure = undefined;
    if (failure !== undefined && operation.backoff.remainingMs() <= 0) throw failure.error;
    const page = this.#scan.next(limit, operation);
    // Nothing is read ahead beside it.
    this.#loading = page.then(
      () => {
        this.#loading = undefined;
      },
      () => {
        this.#loading = undefined;
      },
    );
    return page;
  }
}
