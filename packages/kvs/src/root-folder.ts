import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage } from '@tinykv/base';
import { type FolderLock, lockFolder, replaceFile } from '@tinykv/engine';
import type { EngineKind } from '@tinykv/server';
import { KvsConfigError, KvsStartError } from './errors.js';

/** `basic`: one store without Raft. `raft`: a scheduler and stores that replicate. */
export const KINDS = ['basic', 'raft'] as const;
export type KvsKind = (typeof KINDS)[number];

/** What a root folder was made for. */
export interface RootRecord {
  readonly kind: KvsKind;
  readonly engine: EngineKind;
  /** Servers that it holds. */
  readonly nodes: number;
}

const RECORD_FILE = 'kvs.json';

/**
 * Takes the folder, which is made if need be, and makes it ready for a start. Rejects with KvsStartError when another
 * process has it, and as {@link prepareRoot} throws; the folder is free then.
 */
export async function takeRoot(root: string, wanted: RootRecord): Promise<FolderLock> {
  let lock: FolderLock;
  try {
    lock = await lockFolder(root);
  } catch (error) {
    throw new KvsStartError(errorMessage(error));
  }
  try {
    prepareRoot(root, wanted);
  } catch (error) {
    await lock.release();
    throw error;
  }
  return lock;
}

/**
 * Makes the folder ready for a start, or throws KvsConfigError when it holds something else: another kind
 * or engine, or more servers than are to be started. More than before are added.
 */
export function prepareRoot(root: string, wanted: RootRecord): void {
  const found = readRecord(root);
  if (found !== undefined) checkRecord(root, found, wanted);
  if (wanted.engine === 'memory') forget(root, found?.nodes ?? 0);
  if (found?.nodes === wanted.nodes) return;
  replaceFile(join(root, RECORD_FILE), `${JSON.stringify(wanted)}\n`);
}

export function serverFolder(root: string, number: number): string {
  return join(root, `server-${number}`);
}

export function schedulerFolder(root: string): string {
  return join(root, 'scheduler');
}

function readRecord(root: string): RootRecord | undefined {
  const file = join(root, RECORD_FILE);
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as RootRecord;
  } catch {
    throw new KvsConfigError(`${file} is damaged`);
  }
}

function checkRecord(root: string, found: RootRecord, wanted: RootRecord): void {
  if (found.kind !== wanted.kind || found.engine !== wanted.engine) {
    throw new KvsConfigError(
      `${root} was made for kind ${found.kind} and engine ${found.engine}, not for ${wanted.kind} and ${wanted.engine}`,
    );
  }
  if (found.nodes > wanted.nodes) {
    throw new KvsConfigError(`${root} holds ${found.nodes} servers: ${wanted.nodes} are too few`);
  }
}

/** The stores of before have lost all that they knew: a scheduler that remembers them would wait for them. */
function forget(root: string, servers: number): void {
  rmSync(schedulerFolder(root), { recursive: true, force: true });
  for (let i = 1; i <= servers; i++)
    rmSync(serverFolder(root, i), { recursive: true, force: true });
}
