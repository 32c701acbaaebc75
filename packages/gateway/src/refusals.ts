import { limits } from '@tinykv/base';
import { latin1 } from './commands/text.js';
import type { Request } from './resp/request.js';
import { error, type Reply } from './resp/types.js';

/* Why a request is not begun. */

export const KEY_TOO_LONG: Reply = error(
  `ERR key is longer than ${limits.gatewayKeyBytesMax} bytes`,
);
export const TOO_MANY_ARGUMENTS: Reply = error(
  `ERR more than ${limits.gatewayPlainArgumentsMax} arguments of a command without keys`,
);
export const MULTI_NESTED: Reply = error('ERR MULTI calls can not be nested');
export const EXEC_ALONE: Reply = error('ERR EXEC without MULTI');
export const DISCARD_ALONE: Reply = error('ERR DISCARD without MULTI');
export const WATCH_INSIDE: Reply = error('ERR WATCH inside MULTI is not allowed');
export const TOO_MANY_WATCHED: Reply = error('ERR too many watched keys');
/** EXEC with arguments ends MULTI as well. */
export const EXEC_REFUSED: Reply = error(
  "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command",
);
export const EXEC_ABORT: Reply = error(
  'EXECABORT Transaction discarded because of previous errors.',
);

export function hasLongKey(keys: readonly Uint8Array[]): boolean {
  return keys.some((key) => key.length > limits.gatewayKeyBytesMax);
}

export function isHttp(argv: Request): boolean {
  const name = argv[0]!.length <= 5 ? latin1(argv[0]!).toLowerCase() : '';
  return name === 'post' || name === 'host:';
}
