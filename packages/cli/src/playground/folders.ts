import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Where the playground of one tag keeps its socket and, unless told otherwise, its data. */
export interface TagFolders {
  readonly home: string;
  readonly socket: string;
  readonly dataDir: string;
}

export const DEFAULT_TAG = 'default';

/** `~/.tinykv/<tag>`; `TINYKV_HOME` moves it. */
export function tagFolders(tag: string, dataDir: string | undefined): TagFolders {
  const home = resolve(homeOfTags(), tag);
  return {
    home,
    socket: join(home, 'control.sock'),
    dataDir: dataDir === undefined ? join(home, 'data') : resolve(dataDir),
  };
}

/** Tags of playgrounds that run, or that ended without removing their sockets. */
export function tagsWithSockets(): string[] {
  const base = homeOfTags();
  if (!existsSync(base)) return [];
  const folders = readdirSync(base, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders
    .map((entry) => entry.name)
    .filter((tag) => existsSync(tagFolders(tag, undefined).socket))
    .sort();
}

function homeOfTags(): string {
  return process.env['TINYKV_HOME'] || join(homedir(), '.tinykv');
}
