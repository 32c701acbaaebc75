import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { utf8 } from '@tinykv/base';

/** Makes a folder with all above it. The names of new ones are durable when this resolves. */
export async function makeDurableFolder(path: string): Promise<void> {
  const folder = resolve(path);
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let at = folder; at.length >= first.length; at = dirname(at)) await syncFolder(dirname(at));
}

/** Makes durable what was created, renamed or removed in a folder. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Replaces a small file: whole and durable when this returns, or unchanged. Leaves a `.tmp` behind if it throws. */
export function replaceFile(path: string, text: string): void {
  const temporary = `${path}.tmp`;
  withFile(temporary, 'w', (handle) => {
    const bytes = utf8(text);
    for (let done = 0; done < bytes.length; ) done += writeSync(handle, bytes, done);
    fsyncSync(handle);
  });
  renameSync(temporary, path);
  withFile(dirname(path), 'r', fsyncSync);
}

function withFile(path: string, flags: string, use: (handle: number) => void): void {
  const handle = openSync(path, flags);
  try {
    use(handle);
  } finally {
    closeSync(handle);
  }
}
