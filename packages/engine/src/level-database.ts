import { assert } from '@tinykv/base';
import { ClassicLevel } from 'classic-level';
import { type DatabaseOptions, Level } from 'level';

/** The part of an open LevelDB that {@link LevelEngine} uses: the binding of classic-level, or what stands for it. */
export interface LevelBinding {
  /** Where its files are. */
  readonly location: string;
  getSync(key: Uint8Array, options?: LevelGetOptions): Uint8Array | undefined;
  iterator(options: LevelIteratorOptions): LevelCursor;
  snapshot(): LevelView;
  batch(): LevelBatchBinding;
  approximateSize(start: Uint8Array, end: Uint8Array): Promise<number>;
  compactRange(start: Uint8Array, end: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** A snapshot of a LevelDB, as its binding knows it. */
export interface LevelView {
  close(): Promise<void>;
}

export interface LevelGetOptions {
  readonly snapshot?: LevelView;
  readonly keyEncoding?: 'view';
  readonly valueEncoding?: 'view';
}

export interface LevelIteratorOptions {
  readonly gte?: Uint8Array;
  readonly lt?: Uint8Array;
  readonly reverse: boolean;
  readonly values: boolean;
  readonly snapshot?: LevelView;
  readonly highWaterMarkBytes: number;
}

export interface LevelCursor {
  nextv(count: number): Promise<(readonly [Uint8Array, Uint8Array])[]>;
  close(): Promise<void>;
}

/** Operations that take effect together. */
export interface LevelBatchBinding {
  put(key: Uint8Array, value: Uint8Array): unknown;
  del(key: Uint8Array): unknown;
  write(): Promise<void>;
}

/** An open LevelDB. classic-level has the types for Node: synchronous reads and compaction among them. */
export type LevelDatabase = ClassicLevel<Uint8Array, Uint8Array>;

/** Every database of this package is opened here. Rejects with the errors of `level`. */
export async function openLevel(
  path: string,
  options: DatabaseOptions<Uint8Array, Uint8Array>,
): Promise<LevelDatabase> {
  const database: unknown = new Level<Uint8Array, Uint8Array>(path, options);
  // The types of `level` promise only what browsers have as well.
  assert(database instanceof ClassicLevel, 'Level is not the class of classic-level');
  await database.open();
  return database;
}

/** The binding of a database whose keys and values are bytes. */
export function bindingOf(db: LevelDatabase): LevelBinding {
  return db as unknown as LevelBinding;
}
