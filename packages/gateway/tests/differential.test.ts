import { Prng } from '@tinykv/base';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CommandTable } from '../src/commands/table.js';
import { createGateway, type Gateway } from '../src/index.js';
import { MemoryKv } from '../src/testing/memory-kv.js';
import { realTimeEnv } from '../src/testing/real-env.js';
import { RedisServer, redisIsInstalled } from '../src/testing/redis-server.js';
import { type RawReply, type ReplyValue, RespClient } from '../src/testing/resp-client.js';
import { generateCommands } from './generated-commands.js';
import { fixedScript, type ScriptLine } from './script.js';

/*
 * The same commands to Redis 7.0.15 and to the gateway: replies are compared byte for byte. What differs by
 * nature is brought to one form first: times (the two read their clocks at different moments), the order
 * of KEYS, the cursor of SCAN. DBSIZE is left out of the generated ones: Redis counts what has expired until it
 * comes across it.
 */
const GENERATED_COMMANDS = Number(process.env['TINYKV_DIFFERENTIAL_COMMANDS'] ?? 2_000);
const SEED = process.env['TINYKV_DIFFERENTIAL_SEED'] ?? '1';

/** Commands that a failure shows. */
const STORY = 60;

let redis: RedisServer;
let gateway: Gateway;
let gatewayPort: number;

describe.skipIf(!redisIsInstalled && process.env['CI'] !== 'true')('against redis-server', () => {
  beforeAll(async () => {
    redis = await RedisServer.start();
    const env = realTimeEnv('differential');
    gateway = createGateway(env, new MemoryKv(env.clock), { port: 0, sweepMs: 0 });
    gatewayPort = (await gateway.listen()).port;
  });

  afterAll(async () => {
    await gateway.close(0);
    await redis.stop();
  });

  test('fixed script', async () => {
    const ours = new Clients(gatewayPort);
    const theirs = new Clients(redis.port);
    for (const line of fixedScript) {
      const [expected, actual] = await Promise.all([theirs.run(line), ours.run(line)]);
      const shown = line.argv.join(' ');
      expect(`${shown} => ${normalise(line.argv, actual)}`).toBe(
        `${shown} => ${normalise(line.argv, expected)}`,
      );
    }
    ours.close();
    theirs.close();
  });

  test.each([2, 3])('generated commands in RESP%i', async (protocol) => {
    const ours = await RespClient.open(gatewayPort);
    const theirs = await RespClient.open(redis.port);
    await Promise.all([ours.send('flushall'), theirs.send('flushall')]);
    await Promise.all([
      ours.send('hello', String(protocol)),
      theirs.send('hello', String(protocol)),
    ]);
    const rng = new Prng(`commands ${protocol} ${SEED}`);
    const commands = generateCommands(rng, GENERATED_COMMANDS / 2);
    let compared = 0;
    for (let from = 0; from < commands.length; ) {
      const batch = commands.slice(from, from + rng.int(1, 40));
      const [expected, actual] = await Promise.all([theirs.pipeline(batch), ours.pipeline(batch)]);
      for (const [i, argv] of batch.entries()) {
        const [want, got] = [normalise(argv, expected[i]!), normalise(argv, actual[i]!)];
        compared++;
        if (want === got) continue;
        const story = commands.slice(Math.max(0, from + i - STORY), from + i + 1);
        const lines = story.map((words) => JSON.stringify(words.join(' ')));
        throw new Error(`${lines.join('\n')}\nredis   ${want}\ngateway ${got}`);
      }
      from += batch.length;
    }
    expect(compared).toBe(commands.length);
    expect(compared).toBeGreaterThan(0);
    ours.close();
    theirs.close();
  });
});

/** Connections by name, opened when first used. */
class Clients {
  readonly #port: number;
  readonly #byName = new Map<string, RespClient>();

  constructor(port: number) {
    this.#port = port;
  }

  async run(line: ScriptLine): Promise<RawReply> {
    let client = this.#byName.get(line.client);
    if (client === undefined) {
      client = await RespClient.open(this.#port);
      this.#byName.set(line.client, client);
    }
    return client.send(...line.argv);
  }

  close(): void {
    for (const client of this.#byName.values()) client.close();
  }
}

const TIME_COMMANDS: ReadonlyMap<string, number> = new Map([
  ['ttl', 1],
  ['pttl', 1_000],
  ['expiretime', 1],
  ['pexpiretime', 1_000],
]);

function normalise(argv: readonly string[], reply: RawReply): string {
  const name = argv[0]!.toLowerCase();
  if (name === 'command') {
    const listed = listOfCommands(argv, reply);
    if (listed !== undefined) return listed;
  }
  const unit = TIME_COMMANDS.get(name);
  // Within some seconds of one another; the values of the script are chosen so that none is on an edge.
  if (unit !== undefined && typeof reply.value === 'number' && reply.value > 0) {
    return `:${Math.round(reply.value / unit / 60)} minutes`;
  }
  if (name === 'exec' && reply.raw.includes('redis')) {
    return reply.raw.replace(/id\r\n:\d+/g, 'id');
  }
  if (name === 'exec' && Array.isArray(reply.value)) return JSON.stringify(roundTimes(reply.value));
  if (name === 'keys' && Array.isArray(reply.value)) {
    return JSON.stringify([...reply.value].sort());
  }
  if (name === 'scan' && Array.isArray(reply.value)) return 'a page';
  if (name === 'hello') return reply.raw.replace(/id\r\n:\d+/, 'id');
  return JSON.stringify(reply.raw);
}

/**
 * Answers about all commands, in one order and without the commands that the gateway has not or has from later versions; undefined:
 * the answer is about commands by their names. Redis gives no order and tells of sub-commands in none.
 */
function listOfCommands(argv: readonly string[], reply: RawReply): string | undefined {
  const { value } = reply;
  switch (argv[1]?.toLowerCase()) {
    case undefined:
      break;
    case 'info':
      if (argv.length > 2) return undefined;
      break;
    case 'docs':
      return Array.isArray(value) ? JSON.stringify(withoutSentences(value)) : undefined;
    case 'count':
      return typeof value === 'number' ? 'a number' : undefined;
    case 'list': {
      if (!Array.isArray(value)) return undefined;
      return JSON.stringify(value.filter((name) => isKnown(name as string)).sort());
    }
    default:
      return undefined;
  }
  const rows = (value as readonly ReplyValue[][]).filter((row) => isKnown(row[0] as string));
  return JSON.stringify(sortedRows(rows));
}

function sortedRows(rows: readonly ReplyValue[][]): ReplyValue[][] {
  return rows
    .map((row) => {
      const children = (row[9] as readonly ReplyValue[][]).filter(([name]) =>
        isKnown(name as string),
      );
      return [...row.slice(0, 9), sortedRows(children)];
    })
    .sort((a, b) => ((a[0] as string) < (b[0] as string) ? -1 : 1));
}

const implemented: ReadonlySet<string> = new Set(
  [...new CommandTable().specs.values()].flatMap((spec) => [
    spec.name,
    ...[...(spec.subcommands?.values() ?? [])].map(({ name }) => name),
  ]),
);
/** Answered although Redis 7.0 has them not. */
const LATER: ReadonlySet<string> = new Set(['client|no-touch', 'client|setinfo']);

function isKnown(name: string): boolean {
  return implemented.has(name) && !LATER.has(name);
}

/** COMMAND DOCS of commands without sub-commands, without what the gateway does not tell. */
function withoutSentences(value: readonly ReplyValue[]): ReplyValue[] {
  return value.map((one) => {
    if (!Array.isArray(one)) return one;
    const kept: ReplyValue[] = [];
    for (let i = 0; i < one.length; i += 2) {
      if (!SENTENCES.has(one[i] as string)) kept.push(one[i]!, one[i + 1]!);
    }
    return kept;
  });
}

const SENTENCES: ReadonlySet<string> = new Set(['summary', 'history', 'arguments', 'replaced_by']);

/** In EXEC, numbers may be times in milliseconds and arrays the answer of KEYS. */
function roundTimes(values: readonly ReplyValue[]): ReplyValue[] {
  return values.map((value) => {
    if (Array.isArray(value)) return [...value].sort();
    return typeof value === 'number' && value > 30_000 ? Math.round(value / 60_000) : value;
  });
}
