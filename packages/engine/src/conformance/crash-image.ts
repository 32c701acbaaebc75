import { cp, mkdtemp, readdir, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { scratchRoot } from './scratch.js';

/** Lengths of the write-ahead logs of a LevelDB folder, by name. */
export type LogLengths = ReadonlyMap<string, number>;

export async function logLengths(path: string): Promise<LogLengths> {
  const names = (await readdir(path)).filter((name) => name.endsWith('.log'));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(path, name))).size));
  return new Map(names.map((name, i) => [name, sizes[i]!]));
}

/**
 * A folder as a power cut might leave the one at `path`, which may be open: of the bytes that came to a
 * log since it was `synced`, a share is there, cut at any byte. Good as long as no log was rotated since.
 */
export async function crashImage(path: string, synced: LogLengths, share: number): Promise<string> {
  const image = await mkdtemp(join(scratchRoot, 'tinykv-crash-'));
  await cp(path, image, { recursive: true });
  for (const [name, length] of await logLengths(image)) {
    const safe = synced.get(name) ?? 0;
    await truncate(join(image, name), safe + Math.floor((length - safe) * share));
  }
  return image;
}
