import { err, limits, ok, type Result } from '@tinykv/base';
import { parseInt64 } from '../../resp/decimal.js';
import { latin1Bytes } from '../text.js';

/** The check of a parameter's value; the error is what Redis says of anything else. */
type Kind = (given: string) => Result<string, string>;

const INT_MAX = 0x7fff_ffffn;
const LONG_MAX = 0x7fff_ffff_ffff_ffffn;
const MEBIBYTE = 1_048_576n;

const MEMORY_UNITS: ReadonlyMap<string, bigint> = new Map([
  ['', 1n],
  ['b', 1n],
  ['k', 1_000n],
  ['kb', 1_024n],
  ['m', 1_000_000n],
  ['mb', MEBIBYTE],
  ['g', 1_000_000_000n],
  ['gb', 1_024n * MEBIBYTE],
]);

const text: Kind = ok;

const yesNo: Kind = (given) => {
  const word = given.toLowerCase();
  return word === 'yes' || word === 'no' ? ok(word) : err("argument must be 'yes' or 'no'");
};

function oneOf(...words: readonly string[]): Kind {
  return (given) => {
    const word = given.toLowerCase();
    if (words.includes(word)) return ok(word);
    return err(`argument(s) must be one of the following: ${words.join(', ')}`);
  };
}

function within(value: bigint, min: bigint, max: bigint): Result<string, string> {
  if (value >= min && value <= max) return ok(String(value));
  return err(`argument must be between ${min} and ${max} inclusive`);
}

function integer(min: bigint, max: bigint): Kind {
  return (given) => {
    const value = parseInt64(latin1Bytes(given));
    if (value === undefined) return err("argument couldn't be parsed into an integer");
    return within(value, min, max);
  };
}

function memoryOf(given: string): bigint | undefined {
  const [, digits, unit] = /^([0-9]*)([a-z]*)$/.exec(given.toLowerCase()) ?? [];
  const scale = unit === undefined ? undefined : MEMORY_UNITS.get(unit);
  return scale === undefined ? undefined : BigInt(digits ?? '') * scale;
}

function memory(min = 0n, max = LONG_MAX): Kind {
  return (given) => {
    const value = memoryOf(given);
    return value === undefined ? err('argument must be a memory value') : within(value, min, max);
  };
}

const memoryOrPercent: Kind = (given) => {
  if (/^[0-9]+%$/.test(given)) return ok(given);
  const value = memoryOf(given);
  return value === undefined
    ? err('argument must be a memory or percent value')
    : within(value, 0n, LONG_MAX);
};

/** Pairs of seconds and changes. */
const savePoints: Kind = (given) =>
  /^\s*([1-9][0-9]*\s+[0-9]+\s*)*$/.test(given) ? ok(given) : err('Invalid save parameters');

const eventClasses: Kind = (given) =>
  /^[Ag$lshzxeKEtmdn]*$/.test(given)
    ? ok(given)
    : err("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.");

const isProtected: Kind = () => err("can't set protected config");

const count = integer(0n, LONG_MAX);
const size = memory();
const shortCount = integer(0n, INT_MAX);
const anyInt = integer(-INT_MAX - 1n, INT_MAX);
const evictionPolicy = oneOf(
  'volatile-lru',
  'volatile-lfu',
  'volatile-random',
  'volatile-ttl',
  'allkeys-lru',
  'allkeys-lfu',
  'allkeys-random',
  'noeviction',
);

/**
 * Parameters that clients and tools ask for. They are kept per process and only echoed: the gateway has
 * nothing that they would tune, except where their value is a plain statement about it.
 */
const PARAMETERS: readonly (readonly [name: string, value: string, kind: Kind])[] = [
  ['appendfsync', 'always', oneOf('everysec', 'always', 'no')],
  ['appendonly', 'yes', yesNo],
  ['aof-use-rdb-preamble', 'yes', yesNo],
  ['client-query-buffer-limit', String(limits.gatewayQueryBytesMax), memory(MEBIBYTE)],
  ['dir', '/', isProtected],
  ['hash-max-listpack-entries', '512', count],
  ['hash-max-listpack-value', '64', size],
  ['hash-max-ziplist-entries', '512', count],
  ['hash-max-ziplist-value', '64', size],
  ['hz', '10', shortCount],
  ['lazyfree-lazy-user-del', 'yes', yesNo],
  ['list-compress-depth', '0', shortCount],
  ['list-max-listpack-size', '-2', anyInt],
  ['list-max-ziplist-size', '-2', anyInt],
  ['loglevel', 'notice', oneOf('debug', 'verbose', 'notice', 'warning')],
  ['lua-time-limit', '5000', count],
  ['busy-reply-threshold', '5000', count],
  ['maxmemory', '0', memory(0n, 2n * LONG_MAX + 1n)],
  ['maxmemory-clients', String(limits.gatewayClientsBytesMax), memoryOrPercent],
  ['maxmemory-policy', 'noeviction', evictionPolicy],
  ['min-replicas-to-write', '0', shortCount],
  ['notify-keyspace-events', '', eventClasses],
  ['protected-mode', 'yes', yesNo],
  ['proto-max-bulk-len', String(limits.gatewayBulkBytesMax), memory(MEBIBYTE)],
  ['replica-serve-stale-data', 'yes', yesNo],
  ['save', '', savePoints],
  ['set-max-intset-entries', '512', count],
  ['slowlog-log-slower-than', '10000', integer(-1n, LONG_MAX)],
  ['slowlog-max-len', '128', count],
  ['stream-node-max-bytes', '4096', size],
  ['stream-node-max-entries', '100', count],
  ['tcp-keepalive', '300', shortCount],
  ['timeout', '0', shortCount],
  ['zset-max-listpack-entries', '128', count],
  ['zset-max-listpack-value', '64', size],
  ['zset-max-ziplist-entries', '128', count],
  ['zset-max-ziplist-value', '64', size],
];

const KINDS: ReadonlyMap<string, Kind> = new Map(PARAMETERS.map(([name, , kind]) => [name, kind]));

/** Facts of the running process. */
const READ_ONLY: ReadonlySet<string> = new Set(['databases', 'maxclients', 'port', 'bind']);

export function isReadOnly(name: string): boolean {
  return READ_ONLY.has(name);
}

/** The value as CONFIG GET shows it, or what Redis says of one that the parameter does not take. */
export function parseValue(name: string, given: string): Result<string, string> {
  return (KINDS.get(name) ?? text)(given);
}

export function defaultParameters(facts: {
  readonly databases: number;
  readonly clientsMax: number;
  readonly clientsBytesMax: number;
  readonly port: number;
  readonly host: string;
}): Map<string, string> {
  const defaults = PARAMETERS.map(([name, value]) => [name, value] as const);
  return new Map([
    ...defaults,
    ['maxmemory-clients', String(facts.clientsBytesMax)],
    ['databases', String(facts.databases)],
    ['maxclients', String(facts.clientsMax)],
    ['port', String(facts.port)],
    ['bind', facts.host],
  ]);
}
