import { errorMessage } from '@tinykv/base';
import { Command, CommanderError, Option } from 'commander';
import { workloadNames } from '../run/plan.js';
import {
  checkOptions,
  EXIT,
  parseCount,
  parseNumber,
  parsePlanted,
  profiles,
  type SimOptions,
  UsageError,
} from './arguments.js';
import { readPlan } from './plan-file.js';
import { runSeeds } from './run-seeds.js';

const HELP = `
Examples:
  pnpm sim --seeds 100
  pnpm sim --seeds 1000 --profile dense --workload all --shrink
  pnpm sim --seed 17 --workload txn --until 20000 --log

Exit codes: 0 ok, 1 a violation, 2 usage.`;

/** `pnpm sim`: runs one command to its exit code. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  let code: number = EXIT.ok;
  const program = simCommand(async (options) => {
    checkOptions(options);
    code = await runSeeds(options, options.plan === undefined ? undefined : readPlan(options.plan));
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`sim: ${errorMessage(error)}\n`);
    return EXIT.usage;
  }
}

function simCommand(run: (options: SimOptions) => Promise<void>): Command {
  return new Command('sim')
    .description('Runs whole clusters on simulated time, with faults drawn from a seed.')
    .option('--seed <n>', 'replay one seed', parseNumber)
    .option('--seeds <n>', 'run so many', parseCount)
    .option('--from <n>', 'the first of them', parseNumber, 1)
    .option('--plan <file>', 'replay a plan that --shrink has written')
    .addOption(new Option('--profile <name>', 'what is drawn').choices(profiles).default('swarm'))
    .addOption(
      new Option('--workload <name>', 'what clients do (default: by turns)').choices(workloadNames),
    )
    .option('--jobs <n>', 'processes at work', parseCount, 2)
    .option('--keep-going', 'do not stop at the first violation')
    .option('--planted <name,…>', 'with these mistakes in the product', parsePlanted, [])
    .option('--until <event>', 'stop at this event', parseCount)
    .option('--log', 'print the last lines of the log')
    .option('--shrink', 'make the plan of the first failure small and write it to a file')
    .option('--shrink-runs <n>', 'runs that this may take', parseCount, 400)
    .option('--out <file>', 'the file (default: in test-long-results)')
    .option('--json', 'a line of JSON for each seed and one for all')
    .addHelpText('after', HELP)
    .exitOverride()
    .action((options: SimOptions) => run(options));
}
