import { errorMessage } from '@tinykv/base';
import { Command, CommanderError, Option } from 'commander';
import { workloadNames } from '../run/plan.js';
import {
  checkOptions,
  EXIT,
  parseCount,
  parseMutant,
  parseMutants,
  parseNumber,
  profiles,
  type SimOptions,
  UsageError,
} from './arguments.js';
import { type LongOptions, runLong, SEEDS_IN_ALL, SEEDS_OF_ONE } from './long.js';
import { readPlan } from './plan-file.js';
import { type PlantedOptions, runPlanted } from './planted.js';
import { runSeeds } from './run-seeds.js';
import { runSuite, type SuiteOptions } from './suite.js';

const JOBS = 2;

const HELP = `
Examples:
  pnpm sim --seeds 100
  pnpm sim --seeds 1000 --profile dense --workload all --shrink
  pnpm sim --seed 17 --workload txn --until 20000 --log
  pnpm sim planted --mutant raft-vote-twice

Exit codes: 0 ok, 1 a violation, 2 usage.`;

/** `pnpm sim`: runs one command to its exit code. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  let code: number = EXIT.ok;
  const finish = (result: number): void => {
    code = result;
  };
  const program = simCommand(finish)
    .addCommand(suiteCommand(finish))
    .addCommand(longCommand(finish))
    .addCommand(plantedCommand(finish));
  for (const command of [program, ...program.commands]) command.exitOverride();
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

type Finish = (code: number) => void;

function simCommand(finish: Finish): Command {
  return (
    new Command('sim')
      .description('Runs whole clusters on simulated time, with faults drawn from a seed.')
      // `sim planted --seeds 5` is the option of `planted`.
      .enablePositionalOptions()
      .option('--seed <n>', 'replay one seed', parseNumber)
      .option('--seeds <n>', 'run so many', parseCount)
      .option('--from <n>', 'the first of them', parseNumber, 1)
      .option('--plan <file>', 'replay a plan that --shrink has written')
      .addOption(new Option('--profile <name>', 'what is drawn').choices(profiles).default('swarm'))
      .addOption(
        new Option('--workload <name>', 'what clients do (default: by turns)').choices(
          workloadNames,
        ),
      )
      .option('--jobs <n>', 'processes at work', parseCount, JOBS)
      .option('--keep-going', 'do not stop at the first violation')
      .option('--mutant <name>', 'with this mistake in the product', parseMutant)
      .option('--until <event>', 'stop at this event', parseCount)
      .option('--log', 'print the last lines of the log')
      .option('--shrink', 'make the plan of the first failure small and write it to a file')
      .option('--shrink-runs <n>', 'runs that this may take', parseCount, 400)
      .option('--out <file>', 'the file (default: in test-long-results)')
      .option('--json', 'a line of JSON for each seed and one for all')
      .addHelpText('after', HELP)
      .action(async (options: SimOptions) => {
        checkOptions(options);
        const plan = options.plan === undefined ? undefined : readPlan(options.plan);
        finish(await runSeeds(options, plan));
      })
  );
}

function suiteCommand(finish: Finish): Command {
  return new Command('suite')
    .description('The seeds of `make test`, and what must have happened in them.')
    .option('--jobs <n>', 'processes at work', parseCount, JOBS)
    .addOption(countsOption())
    .action(async (options: SuiteOptions) => finish(await runSuite(options)));
}

function longCommand(finish: Finish): Command {
  return new Command('long')
    .description('Seeds after those of all runs before; results are appended to a file.')
    .option(
      '--seeds <n>',
      `how many (default: what is missing to ${SEEDS_IN_ALL}, of one workload ${SEEDS_OF_ONE})`,
      parseCount,
    )
    .addOption(
      new Option(
        '--workload <name>',
        'one alone, in a file of its own (default: by turns)',
      ).choices(workloadNames),
    )
    .option('--jobs <n>', 'processes at work', parseCount, JOBS)
    .addOption(countsOption())
    .action(async (options: LongOptions) => finish(await runLong(options)));
}

function plantedCommand(finish: Finish): Command {
  return new Command('planted')
    .description('Plants each known mistake and counts the seeds until an oracle convicts it.')
    .option('--seeds <n>', 'give up after so many', parseCount, 500)
    .option('--mutant <name,…>', 'these only', parseMutants)
    .option('--hinted', 'only seeds of the workload that the mutant names')
    .option('--open', 'only those that no commit on record has convicted')
    .option('--table', 'run nothing, write the records into docs/internals/simulator.md')
    .option('--jobs <n>', 'processes at work', parseCount, JOBS)
    .addOption(countsOption())
    .action(async (options: PlantedOptions) => finish(await runPlanted(options)));
}

/** For scripts that add up several suites. */
function countsOption(): Option {
  return new Option('--counts <file>', 'where to write {"passed":N,"failed":M}').hideHelp();
}
