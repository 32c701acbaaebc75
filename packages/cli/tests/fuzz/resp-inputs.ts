import { concatBytes, type Prng, utf8 } from '@tinykv/base';
import { RespClient } from '../../src/resp-client.js';
import { pick } from './messages.js';
import { mutate } from './mutations.js';
import { FUZZ_KEYS } from './world.js';

/**
 * Commands that do to all clients what they are asked to: empty databases, cut connections, sleep in the turn of
 * others.
 */
const DISTURBING = new Set([
  'flushall',
  'flushdb',
  'debug',
  'client|kill',
  'client|pause',
  'shutdown',
]);

const WORDS = [
  'EX',
  'PX',
  'NX',
  'XX',
  'GET',
  'KEEPTTL',
  'MATCH',
  'COUNT',
  'TYPE',
  'string',
  'SYNC',
  'on',
];
const NUMBERS = [
  '0',
  '-1',
  '1',
  '9223372036854775807',
  '-9223372036854775808',
  '1e309',
  'nan',
  '0x1',
  ' 1',
];

/** A command as the gateway announces it. */
export interface RespCommand {
  /** `set`, `client|list`. */
  readonly name: string;
  readonly arity: number;
}

/** All commands of a running gateway with their subcommands: a new one is here without an edit. */
export async function respCommands(address: string): Promise<RespCommand[]> {
  const client = await RespClient.connect(address);
  const reply = await client.command('COMMAND');
  client.close();
  const commands = listOf(reply).flatMap((entry) => {
    const [name, arity, , , , , , , , subcommands] = listOf(entry);
    const nested = listOf(subcommands).map((sub) => listOf(sub));
    return [[name, arity], ...nested].map(([which, least]) => {
      return { name: String(which), arity: Number(least) };
    });
  });
  return commands.filter(({ name }) => !DISTURBING.has(name));
}

function listOf(reply: unknown): readonly unknown[] {
  return Array.isArray(reply) ? (reply as readonly unknown[]) : [];
}

/** One to four commands in a row, the first of them the given one; every second time with broken bytes. */
export function respInput(
  rng: Prng,
  command: RespCommand,
  all: readonly RespCommand[],
): Uint8Array {
  const rest = Array.from({ length: rng.int(0, 4) }, () => encode(rng, pick(rng, all)));
  const whole = concatBytes(encode(rng, command), ...rest);
  const broken = rng.int(0, 2) === 0 ? mutate(rng, whole, encode(rng, pick(rng, all))) : whole;
  // A command that disturbs by its purpose may come together by chance.
  return /flush|debug|kill|pause|shutdown/i.test(Buffer.from(broken).toString('latin1'))
    ? whole
    : broken;
}

function encode(rng: Prng, { name, arity }: RespCommand): Uint8Array {
  const names = name.split('|').map((word) => utf8(word));
  const least = Math.max(0, Math.abs(arity) - names.length);
  const extra = rng.int(0, 3) === 0 ? rng.int(0, 5) : 0;
  const args = Array.from({ length: least + extra }, () => argument(rng));
  const words = [...names, ...args];
  return concatBytes(
    utf8(`*${words.length}\r\n`),
    ...words.flatMap((word) => [utf8(`$${word.length}\r\n`), word, utf8('\r\n')]),
  );
}

function argument(rng: Prng): Uint8Array {
  switch (rng.int(0, 6)) {
    case 0:
      return utf8(pick(rng, WORDS));
    case 1:
      return utf8(pick(rng, NUMBERS));
    case 2:
      return rng.bytes(rng.int(0, 30));
    case 3:
      return rng.int(0, 30) === 0 ? new Uint8Array(rng.int(0, 70_000)) : new Uint8Array(1);
    default:
      return utf8(`${FUZZ_KEYS}${rng.int(0, 100)}`);
  }
}

const PATHS = ['/', '/status', '/ready', '/metrics', '/config', '/%', '//', '/?', '/status?x=1'];
const VERBS = ['GET', 'HEAD', 'POST', 'PUT', 'OPTIONS', 'CONNECT', 'PRI', 'get'];
const HEADERS = [
  'Host: x',
  'Content-Length: 5',
  'Content-Length: -1',
  'Content-Length: 99999999999999999999',
  'Transfer-Encoding: chunked',
  'Upgrade: h2c',
  'Expect: 100-continue',
  'Connection: keep-alive',
  'Range: bytes=0-',
  ': x',
];

/** A request to a status page; every second time with broken bytes. */
export function httpInput(rng: Prng): Uint8Array {
  const draw = (): Uint8Array => {
    const headers = Array.from({ length: rng.int(0, 5) }, () => pick(rng, HEADERS));
    const path = `${pick(rng, PATHS)}${'a'.repeat(rng.int(0, 8) === 0 ? rng.int(0, 20_000) : 0)}`;
    const lines = [`${pick(rng, VERBS)} ${path} HTTP/1.${rng.int(0, 3)}`, ...headers, '', ''];
    return concatBytes(utf8(lines.join('\r\n')), rng.bytes(rng.int(0, 20)));
  };
  return rng.int(0, 2) === 0 ? draw() : mutate(rng, draw(), draw());
}
