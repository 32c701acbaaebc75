import { wrongArity } from '../commands/errors.js';
import type { CommandSpec } from '../commands/spec.js';
import type { Request } from '../resp/request.js';
import type { Verdict } from './stage.js';

/** The number of arguments fits the command. */
export function arity({ name, arity: wanted }: CommandSpec, argv: Request): Verdict {
  const fits = wanted > 0 ? argv.length === wanted : argv.length >= -wanted;
  return fits ? 'pass' : wrongArity(name);
}
