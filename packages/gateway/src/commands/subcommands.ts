import { array, type Reply, simple } from '../resp/types.js';
import { wrongArity } from './errors.js';
import type { Call, SessionHandler } from './spec.js';

export function subcommand(
  parent: string,
  name: string,
  run: (call: Call) => Reply,
): SessionHandler {
  return { kind: 'session', name: `${parent}|${name}`, run };
}

/** The sub-command that explains the others. */
export function help(parent: string, texts: readonly string[]): SessionHandler {
  const title = `${parent.toUpperCase()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`;
  const lines = [title, ...texts, 'HELP', '    Prints this help.'];
  const reply = array(lines.map(simple));
  return subcommand(parent, 'help', () => reply);
}

/** A command that is only its subcommands: called without one, it has too few arguments. */
export function container(name: string): SessionHandler {
  return { kind: 'session', name, run: () => wrongArity(name) };
}
