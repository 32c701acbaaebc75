import { attach } from '../command/attach.js';
import { readFacts } from '../command/facts.js';
import { laterCommands } from '../command/later-commands.js';
import type { Request } from '../resp/request.js';
import { error, type Reply } from '../resp/types.js';
import { basicCommands } from './connection/basics.js';
import { clientCommands } from './connection/client.js';
import { commandCommands } from './connection/command.js';
import { helloCommand } from './connection/hello.js';
import { quitCommand } from './connection/quit.js';
import { resetCommand } from './connection/reset.js';
import { expireCommands } from './generic/expire.js';
import { keyspaceCommands } from './generic/keyspace.js';
import { scanCommands } from './generic/scan.js';
import { functionCommands } from './scripting/function.js';
import { adminCommands } from './server/admin.js';
import { configCommands } from './server/config.js';
import { infoCommand } from './server/info.js';
import type { CommandSpec, Handler } from './spec.js';
import { stringReadCommands } from './string/get.js';
import { counterCommands } from './string/incr.js';
import { stringWriteCommands } from './string/set.js';
import { latin1 } from './text.js';
import { transactionCommands } from './transaction/index.js';

const families: readonly (readonly Handler[])[] = [
  basicCommands,
  [helloCommand, infoCommand],
  clientCommands,
  configCommands,
  transactionCommands,
  [quitCommand, resetCommand],
  adminCommands,
  functionCommands,
  keyspaceCommands,
  expireCommands,
  scanCommands,
  stringReadCommands,
  stringWriteCommands,
  counterCommands,
];

const ARGS_TEXT_MAX = 128;

/** All commands by their lower-case names. */
export class CommandTable {
  readonly #specs: ReadonlyMap<string, CommandSpec>;

  constructor() {
    const described: { table: ReadonlyMap<string, CommandSpec> } = { table: new Map() };
    const handlers = [...families.flat(), ...commandCommands(described)];
    this.#specs = attach(laterCommands(readFacts()), handlers);
    described.table = this.#specs;
  }

  /** The commands by their names. */
  get specs(): ReadonlyMap<string, CommandSpec> {
    return this.#specs;
  }

  /** The command of a request; undefined when its name, or that of its sub-command, is not known. */
  find(argv: Request): CommandSpec | undefined {
    const parent = this.#parentOf(argv[0]!);
    if (parent?.subcommands === undefined || argv.length === 1) return parent;
    return parent.subcommands.get(latin1(argv[1]!).toLowerCase());
  }

  /** Why there is no command for a request. */
  explain(argv: Request): Reply {
    const name = nameOf(argv[0]!);
    return this.#parentOf(argv[0]!) === undefined
      ? unknownCommand(name, argv)
      : unknownSubcommand(name, argv[1]!);
  }

  #parentOf(bytes: Uint8Array): CommandSpec | undefined {
    const name = nameOf(bytes);
    return this.#specs.get(name) ?? this.#specs.get(name.toLowerCase());
  }
}

/** Longer names are not known, and only their beginning is quoted. */
function nameOf(bytes: Uint8Array): string {
  return latin1(bytes.length > ARGS_TEXT_MAX ? bytes.subarray(0, ARGS_TEXT_MAX + 1) : bytes);
}

function unknownCommand(name: string, argv: Request): Reply {
  let args = '';
  for (let i = 1; i < argv.length && args.length < ARGS_TEXT_MAX; i++) {
    args += `'${cString(argv[i]!, ARGS_TEXT_MAX - args.length)}' `;
  }
  const shown = untilNul(name).slice(0, 128);
  return error(`ERR unknown command '${shown}', with args beginning with: ${args}`);
}

function unknownSubcommand(parent: string, name: Uint8Array): Reply {
  const help = untilNul(parent).toUpperCase();
  return error(`ERR unknown subcommand '${cString(name, 128)}'. Try ${help} HELP.`);
}

/** As C's `%.*s` prints it: up to a NUL, and no more than `max`. */
function cString(bytes: Uint8Array, max: number): string {
  return untilNul(latin1(bytes.subarray(0, max)));
}

function untilNul(text: string): string {
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}
