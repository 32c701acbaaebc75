import { readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { KvError } from '@tinykv/base';
import { DiskReserve } from './disk-reserve.js';
import { makeDurableFolder } from './durable-files.js';
import { type LevelDatabase, openLevel } from './level-database.js';
import { isLocked, storageError } from './storage-errors.js';

/** An empty LevelDB whose own lock the kernel keeps for this process, and drops when it ends. */
const KERNEL_LOCK_FOLDER = 'LOCK.db';
/** Beside its files: says who holds the folder, and proves nothing. */
const HOLDER_FILE = 'HOLDER';
/** Beside it: room for what LevelDB writes when it opens. */
const SPARE_FILE = 'SPARE';
/** LevelDB writes a MANIFEST, a CURRENT and a log: less than a block of the disk for each. */
const SPARE_BYTES = 65_536;
/** The lock of older builds, which had no other. LevelDB has an empty file of this name in its folders. */
const OLD_LOCK_FILE = 'LOCK';

interface Holder {
  readonly pid: number;
  /** Tells a process from a later one with the same pid; empty where the system does not say. */
  readonly born: string;
  /** Absent in locks of older builds. */
  readonly host?: string;
  /** A pid means something within its PID namespace only. */
  readonly pidNamespace?: string;
}

/** A folder that this process holds. */
export interface FolderLock {
  /** Sets room aside again for the next to lock the folder, if there is any. */
  keepSpare(): Promise<void>;
  release(): Promise<void>;
}

/**
 * Takes a folder for this process, or rejects with FAILED_PRECONDITION, naming the holder.
 *
 * The proof is a record lock (fcntl) that LevelDB takes on a file of its own: the kernel drops it when the
 * process ends, however it ends, and knows holders in other PID namespaces and, where the file system
 * supports it, on other hosts. So nothing is ever taken over: either the kernel gives the lock or it does not.
 * Within one process LevelDB keeps a table of its locks. POSIX drops a record lock when its process closes any
 * handle of the file, so this process must never open `LOCK.db/LOCK` itself.
 *
 * LevelDB takes the lock first, and then writes a few small files. On a full disk it fails at those, which proves that
 * nobody held the folder at that moment, and nothing about the next. So only a small spare beside the lock is given up
 * then, which the next holder makes again; larger reserves are given up by the holder alone.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const holderFile = join(folder, KERNEL_LOCK_FOLDER, HOLDER_FILE);
  const spare = new DiskReserve(join(folder, KERNEL_LOCK_FOLDER, SPARE_FILE), SPARE_BYTES);
  const held = await openKernelLock(folder, holderFile, spare);
  const keepSpare = async (): Promise<void> => {
    await spare.keep();
  };
  try {
    endOldLock(folder);
    writeHolder(holderFile);
    await keepSpare();
  } catch (error) {
    await held.close();
    throw storageError(error, `cannot lock ${folder}`);
  }
  return {
    keepSpare,
    release: async () => {
      // While the kernel's lock is still held, the file is this process's own.
      rmSync(holderFile, { force: true });
      await held.close();
    },
  };
}

async function openKernelLock(
  folder: string,
  holderFile: string,
  spare: DiskReserve,
): Promise<LevelDatabase> {
  const path = join(folder, KERNEL_LOCK_FOLDER);
  for (;;) {
    try {
      await makeDurableFolder(path);
      return await openLevel(path, { cacheSize: 0, writeBufferSize: 65_536 });
    } catch (error) {
      if (isLocked(error)) throw inUse(folder, readHolder(holderFile));
      const failure = storageError(error, `cannot lock ${folder}`);
      if (failure.code !== 'RESOURCE_EXHAUSTED' || !(await spare.giveUp())) throw failure;
    }
  }
}

/** On a full disk the error of those who find the folder in use names nobody. */
function writeHolder(path: string): void {
  try {
    writeFileSync(path, JSON.stringify(ownHolder()));
  } catch (error) {
    const failure = storageError(error, `cannot write ${path}`);
    if (failure.code !== 'RESOURCE_EXHAUSTED') throw failure;
  }
}

/** An older build holds the folder if the process that it wrote down runs; otherwise its lock is removed. */
function endOldLock(folder: string): void {
  const path = join(folder, OLD_LOCK_FILE);
  const holder = readHolder(path);
  if (holder === undefined) return;
  if (isAlive(holder)) throw inUse(folder, holder);
  rmSync(path);
}

function inUse(folder: string, holder: Holder | undefined): KvError {
  return new KvError(
    'FAILED_PRECONDITION',
    `${folder} is in use by ${describe(holder)}: only one process may work on a data folder`,
  );
}

function describe(holder: Holder | undefined): string {
  if (holder === undefined) return 'another process';
  const { pid, host, pidNamespace } = holder;
  const name = `process ${pid}`;
  if (host !== undefined && host !== hostname()) return `${name} on host ${host}`;
  const isElsewhere = pidNamespace !== undefined && pidNamespace !== ownPidNamespace();
  return isElsewhere ? `${name} of another container (PID namespace ${pidNamespace})` : name;
}

function ownHolder(): Holder {
  return {
    pid: process.pid,
    born: bornOf(process.pid),
    host: hostname(),
    pidNamespace: ownPidNamespace(),
  };
}

function readHolder(path: string): Holder | undefined {
  try {
    const holder = JSON.parse(readFileSync(path, 'utf8')) as Partial<Holder>;
    return typeof holder.pid === 'number' ? { born: '', ...holder, pid: holder.pid } : undefined;
  } catch {
    // The file is missing or being written. It only helps to describe the holder.
    return undefined;
  }
}

/** Empty where the system does not tell. */
function ownPidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid');
  } catch {
    return '';
  }
}

/** When a process began, as Linux tells it: boot id and clock ticks since boot. */
function bornOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in brackets may hold spaces; the 22nd field is the 20th after it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${fields[19] ?? ''}`;
  } catch {
    return '';
  }
}

function isAlive(holder: Holder): boolean {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  const born = bornOf(holder.pid);
  return born === '' || holder.born === '' || born === holder.born;
}
