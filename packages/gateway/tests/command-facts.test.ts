import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { factRows } from '../scripts/redis-facts.js';
import { describeCommand, documentCommand } from '../src/command/describe.js';
import { type CommandFacts, readFacts } from '../src/command/facts.js';
import { keyPlaces } from '../src/command/keys.js';
import { redisCommands, redisKeyNotes } from '../src/command/redis-commands.js';
import { latin1, latin1Bytes } from '../src/commands/text.js';
import { ReplyEncoder } from '../src/resp/encoder.js';
import type { ProtocolVersion, Reply } from '../src/resp/types.js';
import { RedisServer, redisIsInstalled } from '../src/testing/redis-server.js';
import { type ReplyValue, RespClient } from '../src/testing/resp-client.js';

/* The table of commands against a running redis-server 7.0.15. */

const facts = readFacts();
/** Commands that are no containers, with the sub-commands of containers. */
const leaves = [...facts.values()].flatMap((one) => [...(one.subcommands?.values() ?? [one])]);

let redis: RedisServer;
let client: RespClient;

describe.skipIf(!redisIsInstalled && process.env['CI'] !== 'true')('against redis-server', () => {
  beforeAll(async () => {
    redis = await RedisServer.start();
    client = await RespClient.open(redis.port);
  });

  afterAll(async () => {
    client.close();
    await redis.stop();
  });

  test('the table is what redis-server says of itself', async () => {
    const { commands, keyNotes } = await factRows(client);
    expect(redisCommands.trim()).toBe(commands);
    expect(redisKeyNotes.trim()).toBe(keyNotes);
    expect(facts.size).toBe((await client.send('command', 'count')).value);
  });

  test.each([2, 3] as const)(
    'COMMAND INFO of each command in RESP%i, byte for byte',
    async (version) => {
      await client.send('hello', String(version));
      const replies = await client.pipeline(leaves.map(({ name }) => ['command', 'info', name]));
      for (const [i, one] of leaves.entries()) {
        expect(`*1\r\n${encoded(describeCommand(one), version)}`).toBe(replies[i]!.raw);
      }
      await client.send('hello', '2');
    },
  );

  test('COMMAND DOCS of each command, but for its sentences', async () => {
    const docs = leaves.map(({ name }) => ['command', 'docs', name]);
    for (const [i, { value }] of (await client.pipeline(docs)).entries()) {
      const [name, all] = value as readonly [string, readonly ReplyValue[]];
      const kept: ReplyValue[] = [];
      for (let k = 0; k < all.length; k += 2) {
        if (!SENTENCES.has(all[k] as string)) kept.push(all[k]!, all[k + 1]!);
      }
      const [ourName, entries] = documentCommand(leaves[i]!);
      expect(plain(ourName)).toBe(name);
      expect(plain(entries)).toEqual(kept);
    }
  });

  test('the keys of requests of each command, and their flags', async () => {
    const lines = leaves.flatMap(requestsOf);
    expect(lines.length).toBeGreaterThan(leaves.length);
    const ask = lines.map(({ argv }) => ['command', 'getkeysandflags', ...argv]);
    for (const [i, { value }] of (await client.pipeline(ask)).entries()) {
      const { one, argv } = lines[i]!;
      // An error: there are no keys, or the arguments do not fit.
      const expected = Array.isArray(value) ? value : [];
      const request = argv.map(latin1Bytes);
      const actual = keyPlaces(one, request).map(({ index, flags }) => [argv[index], flags]);
      expect([argv.join(' '), actual]).toEqual([argv.join(' '), expected]);
    }
  });
});

const SENTENCES = new Set(['summary', 'history', 'arguments', 'replaced_by']);

interface Line {
  readonly one: CommandFacts;
  readonly argv: readonly string[];
}

/** Requests that have the right number of arguments, with words in them that some commands look for. */
function requestsOf(one: CommandFacts): Line[] {
  const name = one.name.split('|');
  const least = Math.abs(one.arity);
  const counts = one.arity > 0 ? [least] : [least, least + 1, least + 2, least + 5];
  const lines: Line[] = [];
  for (const count of counts) {
    for (const words of WORDS) {
      const rest = Array.from({ length: count - name.length }, (_, i) => words[i % words.length]!);
      lines.push({ one, argv: [...name, ...rest] });
    }
  }
  const own = OPTIONS.filter(([command]) => command === one.name);
  return [...lines, ...own.map((argv) => ({ one, argv }))];
}

const WORDS: readonly (readonly string[])[] = [
  ['a', 'b', 'c', 'd'],
  ['2', '2', 'x', '1', 'y'],
  ['a', '1', 'b', '3'],
  ['0'],
  ['x', '-1'],
  ['k', 'get', 'streams', 'store', 'keys', 'storedist'],
];

const OPTIONS: readonly (readonly string[])[] = [
  'set k v GET',
  'set k v ex 10 gEt',
  'set k get',
  'bitfield k get u8 0 get u8 1',
  'bitfield k get u8 0 set u8 0 1',
  'bitfield k overflow sat get u8 0',
  'bitfield k get u8',
  'sort k by w store d',
  'sort k store a store b',
  'sort k by store get store limit store d',
  'sort k store',
  'migrate h 1 k 0 9 copy',
  'migrate h 1  0 9 copy keys a b c',
  'migrate h 1  0 9 auth keys keys a b',
  'migrate h 1  0 9 auth2 keys keys keys a b',
  'migrate h 1 k 0 9 keys a b',
  'georadius k 1 2 3 km store d',
  'georadius k 1 2 3 km storedist d',
  'georadius k 1 2 3 km store a storedist b',
  'georadius k 1 2 3 km storedist a store b',
  'georadiusbymember k m 3 km store d',
  'georadiusbymember k m 3 km count 1 storedist d',
  'xread count 1 streams a b 0 0',
  'xread block 0 STREAMS streams 0',
  'xreadgroup group g c streams a b > >',
  'zunionstore d 2 a b weights 1 2',
  'blmpop 0 2 a b left',
  'eval x 2 a b c',
].map((line) => line.split(' '));

function encoded(reply: Reply, version: ProtocolVersion): string {
  const encoder = new ReplyEncoder();
  encoder.write(reply, version);
  return latin1(encoder.take());
}

function plain(reply: Reply): ReplyValue {
  switch (reply.type) {
    case 'bulk':
      return latin1(reply.bytes);
    case 'simple':
      return reply.text;
    case 'array':
    case 'set':
      return reply.items.map(plain);
    case 'map':
      return reply.entries.flatMap(([key, value]) => [plain(key), plain(value)]);
    default:
      throw new Error(`a ${reply.type} in documents`);
  }
}
