import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Resources } from './resources.js';

/** A new folder that goes with the resources. */
export function makeTempFolder(resources: Resources, name: string): string {
  resources.checkOpen();
  const path = mkdtempSync(join(tmpdir(), `tinykv-bench-${name}-`));
  // A process that was killed just now may still have been making files.
  const remove = (): void =>
    rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 });
  resources.add({ stop: () => Promise.resolve(remove()), kill: remove });
  return path;
}
