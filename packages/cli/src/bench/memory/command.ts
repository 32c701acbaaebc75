import type { Env } from '@tinykv/base';
import { Command, Option } from 'commander';
import { parsePositive } from '../../program.js';
import { benchMemory, type MemoryOptions } from './run.js';
import { MEMORY_WORK_DOC, MEMORY_WORKS } from './work.js';

/** `tinykv bench-memory`; `finish` takes the exit code. */
export function benchMemoryCommand(openEnv: () => Env, finish: (code: number) => void): Command {
  return new Command('bench-memory')
    .description('Shows whether the memory of the stores of a cluster of its own stops growing.')
    .addOption(
      new Option('--work <name>', 'what clients do').choices(MEMORY_WORKS).default('append'),
    )
    .option('--minutes <n>', 'how long', parsePositive, 30)
    .option('--rate <n>', 'operations a second', parsePositive, 118)
    .addHelpText('after', HELP)
    .action(async (options: MemoryOptions) => finish(await benchMemory(openEnv(), options)));
}

const HELP = `
Work:
${MEMORY_WORKS.map((name) => `  ${name.padEnd(8)} ${MEMORY_WORK_DOC[name]}`).join('\n')}

A store's own memory must need no more in the last third of the run than in the second, but for a tenth and
16 MiB. Mapped tables are shown beside it: the kernel takes them back at need. Linux only.

Examples:
  tinykv bench-memory --minutes 30
  tinykv bench-memory --work set-64k --rate 60 --minutes 30`;
