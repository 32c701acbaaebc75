import { cpSync, mkdtempSync, readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
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
  const image = mkdtempSync(join(scratchRoot, 'tinykv-crash-'));
  // Without a pause, so that the image is of one moment.
  cpSync(path, image, { recursive: true });
  for (const [name, length] of logLengths(image)) {
    const safe = synced.get(name) ?? 0;
    truncateSync(join(image, name), safe + Math.floor((length - safe) * share));
  }
  return image;
}
