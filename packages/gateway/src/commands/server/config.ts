import { Glob } from '../../glob.js';
import { bulk, error, OK, type Reply } from '../../resp/types.js';
import { wrongArity } from '../errors.js';
import { CONFIG_HELP } from '../help-texts.js';
import type { Call, SessionHandler } from '../spec.js';
import { container, help, subcommand } from '../subcommands.js';
import { latin1, latin1Bytes } from '../text.js';
import { isReadOnly, parseValue } from './parameters.js';

function get({ argv, gateway }: Call): Reply {
  const globs = argv.slice(2).map((arg) => new Glob(latin1Bytes(latin1(arg).toLowerCase())));
  const entries: (readonly [Reply, Reply])[] = [];
  for (const [name, value] of gateway.parameters) {
    const bytes = latin1Bytes(name);
    if (globs.some((glob) => glob.matches(bytes))) {
      entries.push([bulk(bytes), bulk(latin1Bytes(value))]);
    }
  }
  return { type: 'map', entries };
}

function set({ argv, gateway }: Call): Reply {
  if (argv.length % 2 !== 0) return wrongArity('config|set');
  const changes: [string, string][] = [];
  for (let i = 2; i < argv.length; i += 2) {
    const name = latin1(argv[i]!).toLowerCase();
    if (!gateway.parameters.has(name)) {
      const given = latin1(argv[i]!);
      return error(`ERR Unknown option or number of arguments for CONFIG SET - '${given}'`);
    }
    if (isReadOnly(name)) {
      return refused(name, "can't set immutable config");
    }
    if (changes.some(([other]) => other === name)) {
      return refused(name, 'duplicate parameter');
    }
    changes.push([name, latin1(argv[i + 1]!)]);
  }
  const values: string[] = [];
  for (const [name, given] of changes) {
    const value = parseValue(name, given);
    if (!value.ok) return refused(name, value.error);
    values.push(value.value);
  }
  changes.forEach(([name], i) => {
    gateway.parameters.set(name, values[i]!);
  });
  return OK;
}

function refused(name: string, why: string): Reply {
  return error(`ERR CONFIG SET failed (possibly related to argument '${name}') - ${why}`);
}

function resetStat({ gateway }: Call): Reply {
  const { stats } = gateway;
  for (const name of Object.keys(stats) as (keyof typeof stats)[]) {
    if (name !== 'connectedClients') stats[name] = 0;
  }
  gateway.commandStats.clear();
  return OK;
}

export const configCommands: readonly SessionHandler[] = [
  container('config'),
  subcommand('config', 'get', get),
  subcommand('config', 'set', set),
  subcommand('config', 'resetstat', resetStat),
  subcommand('config', 'rewrite', () => error('ERR The server is running without a config file')),
  help('config', CONFIG_HELP),
];
