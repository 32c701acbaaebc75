import { attach } from '../command/attach.js';
import { readFacts } from '../command/facts.js';
import { laterCommands } from '../command/later-commands.js';
import type { Request } from '../resp/request.js';
import { error, type Reply } from '../resp/types.js';
import { basicCommands } from './connection/basics.js';
import { clientCommands } from './connection/client.js';
import { commandCommands } from './connection/command.js';
import { helloCommand } from './connection/hello.js';
import { wrongArity } from './errors.js';
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
import { controlCommands } from './transaction/specs.js';

const families: readonly (readonly Handler[])[] = [
  basicCommands,
  [helloCommand, infoCommand],
  clientCommands,
  configCommands,
  controlCommands,
  adminCommands,
  functionCommands,
  keyspaceCommands,
  expireCommands,
  scanCommands,
  stringReadCommands,
  stringWriteCommands,
  counterCommands,
];

export type LookUp =
  | { readonly ok: true; readonly spec: CommandSpec }
  | { readonly ok: false; readonly error: Reply; readonly spec?: CommandSpec };

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

  /** The command of a request, or why there is none: unknown name or subcommand, wrong arity. */
  lookUp(argv: Request): LookUp {
    // Longer names are not known, and only their beginning is quoted.
    const name = latin1(argv[0]!.subarray(0, ARGS_TEXT_MAX + 1));
    const parent = this.#specs.get(name) ?? this.#specs.get(name.toLowerCase());
    if (parent === undefined) return { ok: false, error: unknownCommand(name, argv) };
    let spec = parent;
    if (parent.subcommands !== undefined && argv.length > 1) {
      const child = parent.subcommands.get(latin1(argv[1]!).toLowerCase());
      if (child === undefined) return { ok: false, error: unknownSubcommand(name, argv[1]!) };
      spec = child;
    }
    const { arity } = spec;
    if (arity > 0 ? argv.length !== arity : argv.length < -arity) {
      return { ok: false, error: wrongArity(spec.name), spec };
    }
    return { ok: true, spec };
  }
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
