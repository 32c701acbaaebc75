/**
 * `pnpm --filter @tinykv/raft traces DIR`: runs every trace of DIR/interaction, DIR/confchange and
 * DIR/quorum against the Raft core. The last line is `N passed, M failed`; one failure makes the exit
 * code 1, a wrong call or a folder without traces makes it 2.
 */
import path from 'node:path';
import { traceFiles } from './trace-folder.js';

function main(args: readonly string[]): number {
  const [folder] = args.filter((arg) => arg !== '--');
  if (folder === undefined) {
    console.error('usage: traces DIR');
    return 2;
  }
  // pnpm runs scripts in the package; a relative folder means the caller's.
  const files = traceFiles(path.resolve(process.env['INIT_CWD'] ?? '.', folder));
  if (files.length === 0) {
    console.error(`no traces in ${folder}`);
    return 2;
  }
  let failed = 0;
  for (const file of files) {
    const mismatch = file.run();
    console.log(mismatch === undefined ? `${file.name} ok` : `${file.name} FAILED\n${mismatch}`);
    if (mismatch !== undefined) failed++;
  }
  console.log(`${files.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
