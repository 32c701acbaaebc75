import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { KvError } from '@tinykv/base';

interface Holder {
  readonly pid: number;
  /** Tells a process from a later one with the same pid; empty where the system does not say. */
  readonly born: string;
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

function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder;
  } catch {
    return undefined;
  }
}

/**
 * Takes `LOCK` of a folder for this process, or throws FAILED_PRECONDITION, naming the holder. A lock of a
 * dead process is taken over: it is moved aside, and only the one who moved exactly what it saw may go on.
 */
export function lockFolder(folder: string): () => void {
  const path = join(folder, 'LOCK');
  const self: Holder = { pid: process.pid, born: bornOf(process.pid) };
  const mine = join(folder, `LOCK.${process.pid}`);
  writeFileSync(mine, JSON.stringify(self));
  try {
    for (let attempt = 0; !tryLink(mine, path); attempt++) {
      const holder = readHolder(path);
      if (attempt > 8 || (holder !== undefined && isAlive(holder))) {
        throw new KvError(
          'FAILED_PRECONDITION',
          `${folder} is in use by process ${holder?.pid ?? 'unknown'}: only one process may work on a data folder`,
        );
      }
      moveAside(path, `${mine}.stale`, holder);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  return () => {
    rmSync(path, { force: true });
  };
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function moveAside(path: string, aside: string, seen: Holder | undefined): void {
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = readHolder(aside);
  // Another process was quicker and this is its fresh lock: put it back, the next attempt will see it.
  if (moved?.pid !== seen?.pid || moved?.born !== seen?.born) tryLink(aside, path);
  rmSync(aside, { force: true });
}
