import { latin1 } from './commands/text.js';
import type { Request } from './resp/request.js';
import { error, type Reply } from './resp/types.js';

/* Why a request is not begun. */

/** EXEC that is refused ends MULTI as well. */
export function execRefused(reason: Reply): Reply {
  const text = reason.type === 'error' ? reason.text.replace(/^\S+ /, '') : '';
  return error(`EXECABORT Transaction discarded because of: ${text}`);
}

export function isHttp(argv: Request): boolean {
  const name = argv[0]!.length <= 5 ? latin1(argv[0]!).toLowerCase() : '';
  return name === 'post' || name === 'host:';
}
