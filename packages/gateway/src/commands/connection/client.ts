import { parseInt64 } from '../../resp/decimal.js';
import type { Request } from '../../resp/request.js';
import { bulk, error, integer, NULL, OK, type Reply } from '../../resp/types.js';
import { SYNTAX_ERROR } from '../errors.js';
import { CLIENT_HELP } from '../help-texts.js';
import type { Call, SessionHandler, SessionState } from '../spec.js';
import { container, help, subcommand } from '../subcommands.js';
import { latin1, latin1Bytes, upper } from '../text.js';

export const NAME_ERROR: Reply = error(
  'ERR Client names cannot contain spaces, newlines or special characters.',
);
const INVALID_ID = error('ERR Invalid client ID');
const KILL_ID_ERROR = error('ERR client-id should be greater than 0');
const TYPES: readonly string[] = ['normal', 'master', 'replica', 'slave', 'pubsub'];

export function isClientName(name: string): boolean {
  return /^[!-~]*$/.test(name);
}

function setName({ argv, session }: Call): Reply {
  const name = latin1(argv[2]!);
  if (!isClientName(name)) return NAME_ERROR;
  session.name = name;
  return OK;
}

/** The line that CLIENT LIST has for a session; what the gateway does not measure is 0. */
function describeClient(session: SessionState, nowMono: number): string {
  const age = Math.floor((nowMono - session.createdMono) / 1_000);
  const idle = Math.floor((nowMono - session.lastActiveMono) / 1_000);
  const flags = session.multiLength === undefined ? 'N' : 'x';
  return [
    `id=${session.id}`,
    `addr=${session.address}`,
    `laddr=${session.localAddress}`,
    'fd=0',
    `name=${session.name}`,
    `age=${age}`,
    `idle=${idle}`,
    `flags=${session.noEvict ? `${flags}e`.replace('Ne', 'e') : flags}`,
    `db=${session.db}`,
    'sub=0 psub=0 ssub=0',
    `multi=${session.multiLength ?? -1}`,
    `qbuf=${session.queryBytes} qbuf-free=0`,
    `argv-mem=${session.argumentBytes} multi-mem=${session.multiBytes}`,
    'rbs=0 rbp=0 obl=0',
    `oll=${session.queued}`,
    `omem=${session.outputBytes}`,
    `tot-mem=${session.heldBytes} events=r`,
    `cmd=${session.lastCommand}`,
    `user=default redir=-1 resp=${session.protocol}`,
    `lib-name=${session.libraryName} lib-ver=${session.libraryVersion}`,
  ].join(' ');
}

function info({ session, gateway }: Call): Reply {
  const line = describeClient(session, gateway.env.clock.mono());
  return { type: 'verbatim', text: `${line}\n` };
}

function list(call: Call): Reply {
  const { argv, gateway } = call;
  const option = argv.length > 2 ? upper(argv[2]!) : '';
  let chosen: (session: SessionState) => boolean = () => true;
  if (option === 'TYPE' && argv.length === 4) {
    const type = latin1(argv[3]!).toLowerCase();
    if (!TYPES.includes(type)) return error(`ERR Unknown client type '${latin1(argv[3]!)}'`);
    chosen = (): boolean => type === 'normal';
  } else if (option === 'ID' && argv.length > 3) {
    const ids = new Set<number>();
    for (const argument of argv.slice(3)) {
      const id = parseInt64(argument);
      if (id === undefined || id < 1n) return INVALID_ID;
      ids.add(Number(id));
    }
    chosen = (session): boolean => ids.has(session.id);
  } else if (argv.length !== 2) {
    return SYNTAX_ERROR;
  }
  const now = gateway.env.clock.mono();
  let text = '';
  for (const session of gateway.sessions()) {
    if (chosen(session)) text += `${describeClient(session, now)}\n`;
  }
  return { type: 'verbatim', text };
}

interface KillFilter {
  id?: bigint;
  address?: string;
  localAddress?: string;
  type?: string;
  skipMe: boolean;
}

/** The filters of CLIENT KILL, or the error that they are. */
function parseKill(argv: Request): KillFilter | Reply {
  if (argv.length === 3) return { address: latin1(argv[2]!), skipMe: false };
  const filter: KillFilter = { skipMe: true };
  for (let i = 2; i < argv.length; i += 2) {
    const value = argv[i + 1];
    if (value === undefined) return SYNTAX_ERROR;
    const text = latin1(value);
    switch (upper(argv[i]!)) {
      case 'ID': {
        const id = parseInt64(value);
        if (id === undefined || id < 1n) return KILL_ID_ERROR;
        filter.id = id;
        break;
      }
      case 'TYPE':
        filter.type = text.toLowerCase();
        if (!TYPES.includes(filter.type)) return error(`ERR Unknown client type '${text}'`);
        break;
      case 'ADDR':
        filter.address = text;
        break;
      case 'LADDR':
        filter.localAddress = text;
        break;
      case 'USER':
        if (text !== 'default') return error(`ERR No such user '${text}'`);
        break;
      case 'SKIPME':
        if (!/^(yes|no)$/i.test(text)) return SYNTAX_ERROR;
        filter.skipMe = text.toLowerCase() === 'yes';
        break;
      default:
        return SYNTAX_ERROR;
    }
  }
  return filter;
}

function kill({ argv, session, gateway }: Call): Reply {
  const filter = parseKill(argv);
  if (!('skipMe' in filter)) return filter;
  let killed = 0;
  for (const other of [...gateway.sessions()]) {
    if (filter.id !== undefined && filter.id !== BigInt(other.id)) continue;
    if (filter.address !== undefined && filter.address !== other.address) continue;
    if (filter.localAddress !== undefined && filter.localAddress !== other.localAddress) continue;
    if (filter.type !== undefined && filter.type !== 'normal') continue;
    if (filter.skipMe && other === session) continue;
    other.kill();
    killed++;
  }
  if (argv.length > 3) return integer(killed);
  return killed > 0 ? OK : error('ERR No such client');
}

function noEvict({ argv, session }: Call): Reply {
  const word = upper(argv[2]!);
  if (word !== 'ON' && word !== 'OFF') return SYNTAX_ERROR;
  session.noEvict = word === 'ON';
  return OK;
}

function reply({ argv, session }: Call): Reply {
  const word = upper(argv[2]!);
  if (word !== 'ON' && word !== 'OFF' && word !== 'SKIP') return SYNTAX_ERROR;
  session.setReplyMode(word === 'ON' ? 'on' : word === 'OFF' ? 'off' : 'skip');
  return OK;
}

/** From Redis 7.2; every client library sends it. */
function setInfo({ argv, session }: Call): Reply {
  const value = latin1(argv[3]!);
  const attribute = upper(argv[2]!);
  if (attribute !== 'LIB-NAME' && attribute !== 'LIB-VER') {
    return error(`ERR Unrecognized option '${latin1(argv[2]!)}'`);
  }
  if (!isClientName(value)) {
    const what = attribute.toLowerCase();
    return error(`ERR ${what} cannot contain spaces, newlines or special characters.`);
  }
  if (attribute === 'LIB-NAME') session.libraryName = value;
  else session.libraryVersion = value;
  return OK;
}

function sub(name: string, run: (call: Call) => Reply): SessionHandler {
  return subcommand('client', name, run);
}

export const clientCommands: readonly SessionHandler[] = [
  container('client'),
  sub('setname', setName),
  sub('getname', ({ session }) => (session.name === '' ? NULL : bulk(latin1Bytes(session.name)))),
  sub('id', ({ session }) => integer(session.id)),
  sub('info', info),
  sub('list', list),
  sub('kill', kill),
  sub('no-evict', noEvict),
  sub('no-touch', ({ argv }) => (/^(on|off)$/i.test(latin1(argv[2]!)) ? OK : SYNTAX_ERROR)),
  sub('reply', reply),
  sub('setinfo', setInfo),
  sub('getredir', () => integer(-1)),
  help('client', CLIENT_HELP),
];
