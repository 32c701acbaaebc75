import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DIRTY = '-dirty';
const root = fileURLToPath(new URL('../../../..', import.meta.url));
/** Where commands leave what they find; git does not look there. */
export const resultsFolder: string = join(root, 'test-long-results');

/** The commit that runs; `-dirty` when files differ from it. */
export function currentCommit(): string {
  try {
    const commit = git('rev-parse', '--short=12', 'HEAD');
    return git('status', '--porcelain', '--untracked-files=no') === ''
      ? commit
      : `${commit}${DIRTY}`;
  } catch {
    return 'unknown'; // A tarball, or no git here.
  }
}

/** Results of such a tree cannot be taken up again: nobody knows which files it had. */
export function isDirty(commit: string): boolean {
  return commit.endsWith(DIRTY) || commit === 'unknown';
}

function git(...args: readonly string[]): string {
  return execFileSync('git', ['-C', root, ...args], { stdio: ['ignore', 'pipe', 'ignore'] })
    .toString()
    .trim();
}
