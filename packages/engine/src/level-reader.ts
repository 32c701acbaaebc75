import {
  assert,
  EMPTY_BYTES,
  type IteratorRange,
  type KvEntry,
  type KvIterator,
  type KvSnapshot,
} from '@tinykv/base';
import type { LevelBinding, LevelCursor, LevelGetOptions, LevelView } from './level-database.js';
import { storageError } from './storage-errors.js';

/** Bytes that one native read gathers before it comes back to the loop, whatever its limit of entries. */
const READ_AHEAD_BYTES = 262_144;

export function openIterator(
  db: LevelBinding,
  range: IteratorRange,
  snapshot?: LevelView,
): LevelIterator {
  try {
    return new LevelIterator(
      db.iterator({
        ...(range.start.length > 0 ? { gte: range.start } : {}),
        ...(range.end.length > 0 ? { lt: range.end } : {}),
        ...(snapshot === undefined ? {} : { snapshot }),
        reverse: range.reverse ?? false,
        values: range.keysOnly !== true,
        highWaterMarkBytes: READ_AHEAD_BYTES,
      }),
      range.keysOnly === true,
    );
  } catch (error) {
    throw storageError(error, `iterator on ${db.location}`);
  }
}

class LevelIterator implements KvIterator {
  readonly #native: LevelCursor;
  readonly #keysOnly: boolean;
  /** Set by a snapshot that must outlive this iterator. */
  onClose: (() => void) | undefined;

  constructor(native: LevelCursor, keysOnly: boolean) {
    this.#native = native;
    this.#keysOnly = keysOnly;
  }

  async next(limit: number): Promise<readonly KvEntry[]> {
    assert(limit > 0, () => `iterator limit ${limit}`);
    try {
      const entries = await this.#native.nextv(limit);
      return this.#keysOnly ? entries.map(([key]) => [key, EMPTY_BYTES]) : entries;
    } catch (error) {
      throw storageError(error, 'iterator');
    }
  }

  async close(): Promise<void> {
    const onClose = this.onClose;
    this.onClose = undefined;
    try {
      await this.#native.close();
    } catch (error) {
      throw storageError(error, 'close of iterator');
    } finally {
      onClose?.();
    }
  }
}

/** Stays alive, once closed, until its last iterator is closed too. */
export class LevelSnapshot implements KvSnapshot {
  readonly #db: LevelBinding;
  readonly #native: LevelView;
  /** One object for all gets: with the encodings spelled out the binding need not make its own. */
  readonly #getOptions: LevelGetOptions;
  #closed = false;
  #iterators = 0;

  constructor(db: LevelBinding) {
    this.#db = db;
    try {
      this.#native = db.snapshot();
    } catch (error) {
      throw storageError(error, `snapshot of ${db.location}`);
    }
    this.#getOptions = {
      snapshot: this.#native,
      keyEncoding: 'view',
      valueEncoding: 'view',
    };
  }

  get(key: Uint8Array): Uint8Array | undefined {
    assert(!this.#closed, 'get on a closed snapshot');
    try {
      return this.#db.getSync(key, this.#getOptions);
    } catch (error) {
      throw storageError(error, `get from a snapshot of ${this.#db.location}`);
    }
  }

  iterator(range: IteratorRange): KvIterator {
    assert(!this.#closed, 'iterator on a closed snapshot');
    const iterator = openIterator(this.#db, range, this.#native);
    this.#iterators++;
    iterator.onClose = () => {
      this.#iterators--;
      this.#maybeRelease();
    };
    return iterator;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#maybeRelease();
  }

  #maybeRelease(): void {
    // The native release is synchronous and cannot fail; only the wrapper around it is a promise.
    if (this.#closed && this.#iterators === 0) void this.#native.close();
  }
}
