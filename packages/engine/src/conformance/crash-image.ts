import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { scratchRoot } from './scratch.js';

/** Lengths of the write-ahead logs of a LevelDB folder, by name. */
export type LogLengths = ReadonlyMap<string, number>;

export function logLengths(path: string): LogLengths {
  const names = readdirSync(path).filter((name) => name.endsWith('.log'));
  return new Map(names.map((name) => [name, statSync(join(path, name)).size]));
}

/**
 * A folder as a power cut might leave the one at `path`, which may be open: of the bytes that came to a
 * log since it was `synced`, a share is there, cut at any byte. Good as long as no log was rotated since.
 */
export function crashImage(path: string, synced: LogLengths, share: number): string {
  const image = copyOfOneMoment(path);
  for (const [name, length] of logLengths(image)) {
    const safe = synced.get(name) ?? 0;
    truncateSync(join(image, name), safe + Math.floor((length - safe) * share));
  }
  return image;
}

/** A copy of a folder that an engine has open, without its lock. */
export function copyOfOneMoment(path: string): string {
  for (;;) {
    const copy = mkdtempSync(join(scratchRoot, 'tinykv-crash-'));
    if (copyStill(path, copy)) return copy;
    rmSync(copy, { recursive: true });
  }
}

/** False: other threads wrote or removed files meanwhile, so that what was copied is of no one moment. */
function copyStill(from: string, to: string): boolean {
  try {
    const before = filesIn(from);
    cpSync(from, to, { recursive: true, filter: (file) => !/LOCK[^/]*$/.test(file) });
    return isDeepStrictEqual(filesIn(from), before);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

function filesIn(path: string): string[] {
  return readdirSync(path).map((name) => {
    const { size, mtimeMs } = statSync(join(path, name));
    return `${name} ${size} ${mtimeMs}`;
  });
}
