import { limits } from '@tinykv/base';
import { error, type Reply } from '../resp/types.js';

export const WRONG_TYPE: Reply = error(
  'WRONGTYPE Operation against a key holding the wrong kind of value',
);
/** To send it would cost the client its connection. */
export const ANSWER_TOO_LARGE: Reply = error(
  `ERR the answer is over ${limits.gatewayOutputBytesMax} bytes`,
);
export const UNREADABLE_RECORD: Reply = error('ERR stored record is not readable by this gateway');
export const SYNTAX_ERROR: Reply = error('ERR syntax error');
export const NOT_AN_INTEGER: Reply = error('ERR value is not an integer or out of range');
export const OVERFLOW: Reply = error('ERR increment or decrement would overflow');
export const TOO_LONG: Reply = error(
  'ERR string exceeds maximum allowed size (proto-max-bulk-len)',
);
export const DB_OUT_OF_RANGE: Reply = error('ERR DB index is out of range');

export function invalidExpire(command: string): Reply {
  return error(`ERR invalid expire time in '${command}' command`);
}

export function wrongArity(fullName: string): Reply {
  return error(`ERR wrong number of arguments for '${fullName}' command`);
}
