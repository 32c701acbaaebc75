import { assert } from '@tinykv/base';
import { ClassicLevel } from 'classic-level';
import { type DatabaseOptions, Level } from 'level';

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
