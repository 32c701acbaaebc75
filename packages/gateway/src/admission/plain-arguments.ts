import { limits } from '@tinykv/base';
import type { CommandSpec } from '../commands/spec.js';
import type { Request } from '../resp/request.js';
import { error, type Reply } from '../resp/types.js';
import type { Verdict } from './stage.js';

const TOO_MANY: Reply = error(
  `ERR more than ${limits.gatewayPlainArgumentsMax} arguments of a command without keys`,
);

/** A command without keys works through its arguments in one turn, so their number has a limit. */
export function plainArguments({ facts }: CommandSpec, argv: Request): Verdict {
  const isPlain = argv.length <= limits.gatewayPlainArgumentsMax;
  return isPlain || facts.keySpecs.length > 0 ? 'pass' : TOO_MANY;
}
