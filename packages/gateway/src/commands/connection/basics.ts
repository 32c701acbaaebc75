import { err, ok, type Result } from '@tinykv/base';
import { parseInt64 } from '../../resp/decimal.js';
import type { Request } from '../../resp/request.js';
import { bulk, error, OK, type Reply, simple } from '../../resp/types.js';
import { DB_OUT_OF_RANGE, NOT_AN_INTEGER, SYNTAX_ERROR, wrongArity } from '../errors.js';
import type { Call, SessionHandler } from '../spec.js';
import { latin1 } from '../text.js';

const PONG = simple('PONG');
const NO_PASSWORD = error(
  'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
);
export const WRONG_PASS: Reply = error(
  'WRONGPASS invalid username-password pair or user is disabled.',
);

function ping({ argv }: Call): Reply {
  if (argv.length > 2) return wrongArity('ping');
  return argv.length === 2 ? bulk(argv[1]!) : PONG;
}

/** The database that SELECT names, or its error. */
export function selectedDatabase(argv: Request, databases: number): Result<number, Reply> {
  const db = parseInt64(argv[1]!);
  if (db === undefined) return err(NOT_AN_INTEGER);
  if (db < -0x8000_0000n || db > 0x7fff_ffffn) {
    return err(error('ERR value is out of range, value must between -2147483648 and 2147483647'));
  }
  if (db < 0n || db >= BigInt(databases)) return err(DB_OUT_OF_RANGE);
  return ok(Number(db));
}

function select({ argv, session, gateway }: Call): Reply {
  const db = selectedDatabase(argv, gateway.config.databases);
  if (!db.ok) return db.error;
  session.db = db.value;
  return OK;
}

/** There is one user, `default`, without a password. */
function auth({ argv }: Call): Reply {
  if (argv.length > 3) return SYNTAX_ERROR;
  if (argv.length === 2) return NO_PASSWORD;
  return latin1(argv[1]!) === 'default' ? OK : WRONG_PASS;
}

export const basicCommands: readonly SessionHandler[] = [
  { kind: 'session', name: 'ping', run: ping },
  { kind: 'session', name: 'echo', run: ({ argv }) => bulk(argv[1]!) },
  { kind: 'session', name: 'select', run: select },
  { kind: 'session', name: 'auth', run: auth },
];
