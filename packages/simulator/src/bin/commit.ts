import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
/** Where commands leave what they find; git does not look there. */
export const resultsFolder: string = join(root, 'test-long-results');

/** The commit that runs; `-dirty` when files differ from it. */
export function currentCommit(): string {
  try {
    const commit = git('rev-parse', '--short=12', 'HEAD');
    return git('status', '--porcelain', '--untracked-files=no') === '' ? commit : `${commit}-dirty`;
  } catch {
    return 'unknown'; // A tarball, or no git here.
  }
}

function git(...args: readonly string[]): string {
  return execFileSync('git', ['-C', root, ...args], { stdio: ['ignore', 'pipe', 'ignore'] })
    .toString()
    .trim();
}
