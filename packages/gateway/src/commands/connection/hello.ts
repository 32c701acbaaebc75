import { parseInt64 } from '../../resp/decimal.js';
import { array, bulk, error, integer, type Reply } from '../../resp/types.js';
import { REDIS_VERSION } from '../../version.js';
import type { Call, SessionHandler } from '../spec.js';
import { latin1, latin1Bytes, upper } from '../text.js';
import { WRONG_PASS } from './basics.js';
import { isClientName, NAME_ERROR } from './client.js';

/** HELLO [version [AUTH user password] [SETNAME name]]: nothing changes unless all of it is right. */
function hello({ argv, session }: Call): Reply {
  let protocol = session.protocol;
  let name: string | undefined;
  if (argv.length > 1) {
    const version = parseInt64(argv[1]!);
    if (version === undefined) {
      return error('ERR Protocol version is not an integer or out of range');
    }
    if (version !== 2n && version !== 3n) {
      return error('NOPROTO unsupported protocol version');
    }
    protocol = version === 2n ? 2 : 3;
  }
  for (let i = 2; i < argv.length; i++) {
    const word = upper(argv[i]!);
    const more = argv.length - 1 - i;
    if (word === 'AUTH' && more >= 2) {
      if (latin1(argv[i + 1]!) !== 'default') return WRONG_PASS;
      i += 2;
    } else if (word === 'SETNAME' && more >= 1) {
      name = latin1(argv[i + 1]!);
      if (!isClientName(name)) return NAME_ERROR;
      i += 1;
    } else {
      return error(`ERR Syntax error in HELLO option '${latin1(argv[i]!)}'`);
    }
  }
  session.protocol = protocol;
  if (name !== undefined) session.name = name;
  return {
    type: 'map',
    entries: [
      [text('server'), text('redis')],
      [text('version'), text(REDIS_VERSION)],
      [text('proto'), integer(protocol)],
      [text('id'), integer(session.id)],
      [text('mode'), text('standalone')],
      [text('role'), text('master')],
      [text('modules'), array([])],
    ],
  };
}

function text(value: string): Reply {
  return bulk(latin1Bytes(value));
}

export const helloCommand: SessionHandler = { kind: 'session', name: 'hello', run: hello };
