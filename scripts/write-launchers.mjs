// Last step of the build: notes which commit was built and writes the launchers that run it.
// Plain JavaScript, so that it needs nothing but Node.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Launcher → compiled entry. `tinyscheduler-server` is the name that TinyKV users know. */
const launchers = {
  tinykv: 'tinykv',
  'tinykv-server': 'tinykv-server',
  scheduler: 'scheduler',
  'tinyscheduler-server': 'scheduler',
  'tinykv-gateway': 'tinykv-gateway',
};

function git(...args) {
  try {
    return execFileSync('git', ['-C', root, ...args], { stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim();
  } catch {
    return ''; // A tarball, or no git here: the build works without.
  }
}

function buildInfo() {
  const commit = git('rev-parse', '--short=12', 'HEAD') || 'unknown';
  const dirty = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '-dirty';
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return { version, commit: commit === 'unknown' ? commit : `${commit}${dirty}` };
}

writeFileSync(
  join(root, 'packages/server/dist/build-info.json'),
  `${JSON.stringify(buildInfo())}\n`,
);

for (const [name, entry] of Object.entries(launchers)) {
  const compiled = `packages/cli/dist/bin/${entry}.js`;
  if (!existsSync(join(root, compiled))) throw new Error(`${compiled} was not compiled`);
  const script = `#!/bin/sh
# Written by scripts/write-launchers.mjs. Finds the build from its own place, so it works from any folder.
here=$(dirname "$(readlink -f "$0")")
exec node --enable-source-maps "$here/../${compiled}" "$@"
`;
  writeFileSync(join(root, 'scripts', name), script, { mode: 0o755 });
  console.log(`scripts/${name}`);
}
