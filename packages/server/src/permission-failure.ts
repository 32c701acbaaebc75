import { statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { errorMessage } from '@tinykv/base';
import { EXIT } from './config/command-line.js';
import { StartError } from './start-error.js';

/** Node's codes, and LevelDB's words. */
const CODES: readonly string[] = ['EACCES', 'EPERM'];
const WORDS = /permission denied|EACCES|EPERM/i;

/** A folder that another user made: who that is, and what to do. Undefined for any other failure. */
export function permissionFailure(error: unknown, folder: string): StartError | undefined {
  const denied = chainOf(error).find(isDenied);
  if (denied === undefined) return undefined;
  const path = pathOf(denied) ?? folder;
  const owner = ownerOf(path) ?? ownerOf(folder);
  const { username, uid } = userInfo();
  const text =
    `this process runs as ${username} (uid ${uid}) and may not use ${path}` +
    `${owner === undefined || owner === uid ? '' : `, which belongs to the uid ${owner}`}: ` +
    `run it as the user who made ${folder}, or give the folder to this one (chown -R ${uid} ${folder})`;
  return new StartError(text, EXIT.failure);
}

function chainOf(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let at = error; at instanceof Error && !chain.includes(at); at = at.cause) chain.push(at);
  // The deepest one names the file.
  return chain.reverse();
}

function isDenied(error: Error): boolean {
  const code: unknown = 'code' in error ? error.code : undefined;
  return (typeof code === 'string' && CODES.includes(code)) || WORDS.test(errorMessage(error));
}

function pathOf(error: Error): string | undefined {
  if ('path' in error && typeof error.path === 'string') return error.path;
  // "IO error: /data/kv/LOCK: Permission denied"
  return /(\/\S+): Permission denied/i.exec(error.message)?.[1];
}

function ownerOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.uid;
}
