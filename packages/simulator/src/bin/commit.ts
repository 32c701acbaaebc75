import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DIRTY = '-dirty';
/** The root of the repository. */
export const root: string = fileURLToPath(new URL('../../../..', import.meta.url));
/** Where commands leave what they find; git does not look there. */
export const resultsFolder: string = join(root, 'test-long-results');

/** Small records of long runs, which git keeps: commit, seeds, verdicts. */
export const recordsFolder: string = join(root, 'docs/records');

/** Where the records of an area go: those of a dirty tree say nothing to others, and stay here. */
export function recordsPath(area: string, commit: string): string {
  return join(isDirty(commit) ? join(resultsFolder, 'records') : recordsFolder, `${area}.jsonl`);
}

/** The commit that runs; `-dirty` when files differ from it. Docs do not count: runs write records and tables there. */
export function currentCommit(): string {
  try {
    const commit = git('rev-parse', '--short=12', 'HEAD');
    const status = ['status', '--porcelain', '--untracked-files=no', '--', '.'];
    return git(...status, ':!docs') === '' ? commit : `${commit}${DIRTY}`;
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
