import { array, type Reply, simple } from '../resp/types.js';
import { wrongArity } from './errors.js';
import type { Call, CommandFlag, CommandGroup, CommandSpec } from './spec.js';

export function subcommand(
  parent: string,
  group: CommandGroup,
  name: string,
  arity: number,
  flags: readonly CommandFlag[],
  run: (call: Call) => Reply,
): CommandSpec {
  return { kind: 'session', name: `${parent}|${name}`, arity, flags, group, run };
}

/** The sub-command that explains the others. */
export function help(parent: string, group: CommandGroup, texts: readonly string[]): CommandSpec {
  const title = `${parent.toUpperCase()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`;
  const lines = [title, ...texts, 'HELP', '    Prints this help.'];
  const reply = array(lines.map(simple));
  return subcommand(parent, group, 'help', 2, ['loading', 'stale'], () => reply);
}

/** A command that is only its subcommands: called without one, it has too few arguments. */
export function container(
  name: string,
  group: CommandGroup,
  arity: number,
  flags: readonly CommandFlag[],
  subcommands: readonly CommandSpec[],
  run: (call: Call) => Reply = () => wrongArity(name),
): CommandSpec {
  const bySuffix = new Map(subcommands.map((spec) => [spec.name.slice(name.length + 1), spec]));
  return { kind: 'session', name, arity, flags, group, subcommands: bySuffix, run };
}
