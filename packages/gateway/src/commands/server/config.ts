import { limits } from '@tinykv/base';
import { Glob } from '../../glob.js';
import { bulk, error, OK, type Reply } from '../../resp/types.js';
import { wrongArity } from '../errors.js';
import type { Call, CommandFlag, CommandSpec } from '../spec.js';
import { container, subcommand } from '../subcommands.js';
import { latin1, latin1Bytes } from '../text.js';

/**
 * Parameters that clients and tools ask for. They are kept per process and only echoed: the gateway has
 * nothing that they would tune, except where their value is a plain statement about it.
 */
const DEFAULTS: readonly (readonly [string, string])[] = [
  ['appendfsync', 'always'],
  ['appendonly', 'yes'],
  ['aof-use-rdb-preamble', 'yes'],
  ['client-query-buffer-limit', String(limits.gatewayQueryBytesMax)],
  ['dir', '/'],
  ['hash-max-listpack-entries', '512'],
  ['hash-max-listpack-value', '64'],
  ['hash-max-ziplist-entries', '512'],
  ['hash-max-ziplist-value', '64'],
  ['hz', '10'],
  ['lazyfree-lazy-user-del', 'yes'],
  ['list-compress-depth', '0'],
  ['list-max-listpack-size', '-2'],
  ['list-max-ziplist-size', '-2'],
  ['loglevel', 'notice'],
  ['lua-time-limit', '5000'],
  ['busy-reply-threshold', '5000'],
  ['maxmemory', '0'],
  ['maxmemory-clients', String(limits.gatewayClientsBytesMax)],
  ['maxmemory-policy', 'noeviction'],
  ['min-replicas-to-write', '0'],
  ['notify-keyspace-events', ''],
  ['protected-mode', 'yes'],
  ['proto-max-bulk-len', '33554432'],
  ['replica-serve-stale-data', 'yes'],
  ['save', ''],
  ['set-max-intset-entries', '512'],
  ['slowlog-log-slower-than', '10000'],
  ['slowlog-max-len', '128'],
  ['stream-node-max-bytes', '4096'],
  ['stream-node-max-entries', '100'],
  ['tcp-keepalive', '300'],
  ['timeout', '0'],
  ['zset-max-listpack-entries', '128'],
  ['zset-max-listpack-value', '64'],
  ['zset-max-ziplist-entries', '128'],
  ['zset-max-ziplist-value', '64'],
];

/** Facts of the running process. */
const READ_ONLY: ReadonlySet<string> = new Set(['databases', 'maxclients', 'port', 'bind']);

export function defaultParameters(facts: {
  readonly databases: number;
  readonly clientsMax: number;
  readonly port: number;
  readonly host: string;
}): Map<string, string> {
  return new Map([
    ...DEFAULTS,
    ['databases', String(facts.databases)],
    ['maxclients', String(facts.clientsMax)],
    ['port', String(facts.port)],
    ['bind', facts.host],
  ]);
}

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
    if (READ_ONLY.has(name)) {
      return error(
        `ERR CONFIG SET failed (possibly related to argument '${name}') - can't set immutable config`,
      );
    }
    if (changes.some(([other]) => other === name)) {
      return error(
        `ERR CONFIG SET failed (possibly related to argument '${name}') - duplicate parameter`,
      );
    }
    changes.push([name, latin1(argv[i + 1]!)]);
  }
  for (const [name, value] of changes) gateway.parameters.set(name, value);
  return OK;
}

function resetStat({ gateway }: Call): Reply {
  const { stats } = gateway;
  for (const name of Object.keys(stats) as (keyof typeof stats)[]) {
    if (name !== 'connectedClients') stats[name] = 0;
  }
  gateway.commandStats.clear();
  return OK;
}

const FLAGS: readonly CommandFlag[] = ['admin', 'noscript', 'loading', 'stale'];

export const configCommand: CommandSpec = container(
  'config',
  'server',
  -2,
  [],
  [
    subcommand('config', 'server', 'get', -3, FLAGS, get),
    subcommand('config', 'server', 'set', -4, FLAGS, set),
    subcommand('config', 'server', 'resetstat', 2, FLAGS, resetStat),
    subcommand('config', 'server', 'rewrite', 2, FLAGS, () =>
      error('ERR The server is running without a config file'),
    ),
  ],
);
