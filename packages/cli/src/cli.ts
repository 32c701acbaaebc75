import { createEnv, type RealEnv } from '@tinykv/env-real';
import { EXIT, isSupportedPlatform, unknownVariable, versionLine } from '@tinykv/server';
import { Command } from 'commander';
import { benchCommand } from './bench/command.js';
import { benchMemoryCommand } from './bench/memory/command.js';
import { ctlCommand } from './ctl/command.js';
import { gatewaySchema } from './gateway/settings.js';
import { playgroundCommand } from './playground/command.js';
import { CliError, exitCodeOf } from './program.js';

const HELP = `
The servers are programs of their own: tinykv-server, scheduler, tinykv-gateway.

Examples:
  tinykv playground
  tinykv ctl stores
  tinykv bench raw-put --clients 64
  tinykv bench --vs etcd
  tinykv bench-memory --minutes 30

Exit codes: 0 ok, 1 failure, 2 usage, 3 the cluster cannot be reached.`;

/** `tinykv`: runs one command to its exit code. */
export async function runCli(argv: readonly string[]): Promise<number> {
  if (!isSupportedPlatform('tinykv')) return EXIT.failure;
  let env: RealEnv | undefined;
  const openEnv = (): RealEnv => {
    env ??= createEnv({ name: 'tinykv', logLevel: process.env['LOG_LEVEL'] || 'error' });
    return env;
  };
  let code: number = EXIT.ok;
  const finish = (result: number): void => {
    code = result;
  };
  const failure = await exitCodeOf(async () => {
    const unknown = unknownVariable(process.env, gatewaySchema);
    if (unknown !== undefined) throw new CliError(unknown, EXIT.usage);
    await cliProgram(openEnv, finish).parseAsync(argv, { from: 'user' });
    return code;
  });
  await env?.close();
  return failure;
}

/** The command line as a whole; `finish` takes the exit code of the command that runs. */
export function cliProgram(openEnv: () => RealEnv, finish: (code: number) => void): Command {
  const program = new Command('tinykv')
    .description('Runs, inspects and measures TinyKV clusters.')
    .version(versionLine('tinykv'), '-V, --version', 'print version and commit')
    .addHelpText('after', HELP)
    .addCommand(playgroundCommand(openEnv, finish))
    .addCommand(ctlCommand(openEnv, finish))
    .addCommand(benchCommand(openEnv, finish))
    .addCommand(benchMemoryCommand(openEnv, finish));
  throwInsteadOfExit(program);
  return program;
}

/** Commander would end the process with its own exit codes. */
function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const sub of command.commands) throwInsteadOfExit(sub);
}
