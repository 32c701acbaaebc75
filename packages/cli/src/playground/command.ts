import type { Env } from '@tinykv/base';
import { ENGINES, type EngineKind, EXIT, isEngineKind } from '@tinykv/server';
import { Command, InvalidArgumentError } from 'commander';
import { CliError, parseCount } from '../program.js';
import { askControl, type ControlRequest } from './control.js';
import { DEFAULT_TAG, tagFolders } from './folders.js';
import { isBlockBase } from './ports.js';
import { runPlayground } from './run.js';

interface StartOptions {
  readonly stores: number;
  readonly data?: string;
  readonly tag: string;
  readonly portBase?: number;
  readonly gateway: boolean;
  readonly engine?: EngineKind;
  readonly storeArg: readonly string[];
  readonly schedulerArg: readonly string[];
}

function parseEngine(text: string): EngineKind {
  if (isEngineKind(text)) return text;
  throw new InvalidArgumentError(`There are ${ENGINES.join(', ')}.`);
}

/** For commander: a port with room for a whole block above it. */
function parsePortBase(text: string): number {
  const base = parseCount(text);
  if (isBlockBase(base)) return base;
  throw new InvalidArgumentError('The ports of a playground would end above 65535.');
}

const collect = (value: string, all: readonly string[]): string[] => [...all, value];

/** `tinykv playground …`; `finish` takes the exit code. */
export function playgroundCommand(openEnv: () => Env, finish: (code: number) => void): Command {
  const command = new Command('playground')
    .description('A whole cluster on this machine, each process a child of this one.')
    .option('--stores <n>', 'stores to start', parseCount, 3)
    .option('--data <folder>', 'data folder (default: ~/.tinykv/TAG/data)')
    .option('--tag <name>', 'names this playground for the other commands', DEFAULT_TAG)
    .option(
      '--port-base <port>',
      'first of a block of ports, which must be free (default: 2379, 6379, 20160 …, or the next free block)',
      parsePortBase,
    )
    .option('--engine <engine>', `what keeps the stores' data: ${ENGINES.join(', ')}`, parseEngine)
    .option('--no-gateway', 'without the Redis gateway')
    .option('--store-arg <flag>', 'a further flag for every store, may be repeated', collect, [])
    .option('--scheduler-arg <flag>', 'a further flag for the scheduler', collect, [])
    .addHelpText('after', HELP)
    .action(async (options: StartOptions) => {
      const env = openEnv();
      finish(
        await runPlayground({
          stores: options.stores,
          folders: tagFolders(options.tag, options.data),
          tag: options.tag,
          portBase: options.portBase,
          gateway: options.gateway,
          storeArgs: [
            ...(options.engine === undefined ? [] : [`--engine=${options.engine}`]),
            ...options.storeArg,
          ],
          schedulerArgs: options.schedulerArg,
          env,
          print: (line) => process.stdout.write(`${line}\n`),
        }),
      );
    });
  const ask = async (sub: Command, request: ControlRequest): Promise<void> => {
    const { tag } = sub.optsWithGlobals<{ tag: string }>();
    const answer = await askControl(tagFolders(tag, undefined).socket, request);
    if (answer === undefined) {
      throw new CliError(`no playground with the tag ${tag} is running`, EXIT.unavailable);
    }
    process.stdout.write(`${answer.text}\n`);
    finish(answer.ok ? EXIT.ok : EXIT.failure);
  };
  for (const [name, description] of REQUESTS) {
    const sub = command.command(name.includes('NAME') ? `${name.split(' ')[0]} <name>` : name);
    sub.description(description).action((member: unknown) =>
      ask(sub, {
        command: (name.split(' ')[0] ?? name) as ControlRequest['command'],
        ...(typeof member === 'string' ? { name: member } : {}),
      }),
    );
  }
  return command;
}

const REQUESTS: readonly (readonly [string, string])[] = [
  ['display', 'processes with their addresses and pids'],
  ['kill NAME', 'kill -9 of one process, by its name or its store id; nothing starts it again'],
  ['restart NAME', 'start one process again, killing it first if it runs'],
  ['scale-out', 'one more store'],
  ['stop', 'end the playground'],
];

const HELP = `
Waits until every Region has a leader and min(stores, 3) voters, prints the endpoints, and a last line
  ready {"gateway":"host:port","scheduler":"host:port","stores":[{"id":1,"addr":"host:port","pid":1}]}
Ctrl-C ends all processes; the data stays.

Examples:
  tinykv playground
  tinykv playground --stores 4 --data ./data --store-arg=--region-max-size=1MB
  tinykv playground kill store-2        (from another terminal)`;
