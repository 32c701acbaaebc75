import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Where the playground of one tag keeps its socket and, unless told otherwise, its data. */
export interface TagFolders {
  readonly home: string;
  readonly socket: string;
  readonly dataDir: string;
}

/** `~/.tinykv/<tag>`; `TINYKV_HOME` moves it. */
export function tagFolders(tag: string, dataDir: string | undefined): TagFolders {
  const base = process.env['TINYKV_HOME'] ?? join(homedir(), '.tinykv');
  const home = resolve(base, tag);
  return {
    home,
    socket: join(home, 'control.sock'),
    dataDir: dataDir === undefined ? join(home, 'data') : resolve(dataDir),
  };
}
