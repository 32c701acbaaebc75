import { setImmediate as nextTurn } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
import { makeDurableFolder } from '../durable-files.js';
import { type FolderLock, lockFolder } from '../folder-lock.js';
import { NodeLogFiles } from '../segment-log/node-log-files.js';
import { storageError } from '../storage-errors.js';
import { LogEngine, type LogEngineOptions } from './log-engine.js';

/** A start takes a tenth more than the keys, and what else the process does must fit beside them. */
const HEAP_SHARE = 0.6;

/**
 * A {@link LogEngine} in a folder of the file system, which is created if need be. Rejects with FAILED_PRECONDITION
 * when a process has it open, and with DATA_LOSS when what lies there is damaged.
 */
export async function openLogEngine(
  folder: string,
  options: LogEngineOptions = {},
): Promise<LogEngine> {
  let lock: FolderLock | undefined;
  try {
    await makeDurableFolder(folder);
    const held = await lockFolder(folder);
    lock = held;
    const release = (): Promise<void> => held.release();
    const host = { files: new NodeLogFiles(folder), rest: nextTurn, release };
    return await LogEngine.open(host, { heapBytes: defaultHeapBytes(), ...options });
  } catch (error) {
    await lock?.release();
    throw storageError(error, `cannot open ${folder}`);
  }
}

function defaultHeapBytes(): number {
  return Math.floor(getHeapStatistics().heap_size_limit * HEAP_SHARE);
}
