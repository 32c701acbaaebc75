import { limits } from '@tinykv/base';
import { keyPlaces } from '../command/keys.js';
import type { CommandSpec } from '../commands/spec.js';
import type { Request } from '../resp/request.js';
import { error, type Reply } from '../resp/types.js';
import type { Verdict } from './stage.js';

const TOO_LONG: Reply = error(`ERR key is longer than ${limits.gatewayKeyBytesMax} bytes`);

/** Every key fits into a key of the store. */
export function keyLength({ facts, range }: CommandSpec, argv: Request): Verdict {
  if (range === undefined) {
    if (facts.keySpecs.length === 0) return 'pass';
    return keyPlaces(facts, argv).some(({ index }) => isLong(argv[index]!)) ? TOO_LONG : 'pass';
  }
  const end = range.last < 0 ? argv.length + range.last : range.last;
  for (let i = range.first; i <= end && i < argv.length; i += range.step) {
    if (isLong(argv[i]!)) return TOO_LONG;
  }
  return 'pass';
}

function isLong(key: Uint8Array): boolean {
  return key.length > limits.gatewayKeyBytesMax;
}
