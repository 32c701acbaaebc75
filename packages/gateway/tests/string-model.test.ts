import { limits } from '@tinykv/base';
import { runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type TestClient, testGateway } from '../src/testing/harness.js';
import { MemoryKv } from '../src/testing/memory-kv.js';
import { TestClock } from '../src/testing/test-clock.js';
import { NaiveRedis } from './naive-redis.js';

const CHUNK = limits.gatewayChunkBytes;

// Few keys, so that commands meet; some of them break a protocol or a path if they can.
const key = fc.constantFrom('a', 'b', '', '__proto__', 'bin\x00\r\n\xff', '{a}2');
const small = fc.oneof(
  fc.constantFrom('', '0', '-1', '9223372036854775807', '01', 'abc', '\r\n$1\r\n', '\x00\xff'),
  fc.integer({ min: -20, max: 20 }).map(String),
  fc.array(fc.nat(255), { maxLength: 6 }).map((codes) => String.fromCharCode(...codes)),
);
const long = fc
  .constantFrom(CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK + 3)
  .map((length) => 'x'.repeat(length));
const value = fc.oneof({ weight: 40, arbitrary: small }, { weight: 1, arbitrary: long });
const place = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: -9, max: 9 }) },
  { weight: 1, arbitrary: fc.constantFrom(CHUNK - 2, CHUNK, 2 * CHUNK) },
);
const offset = place.map((n) => String(Math.abs(n)));
const ms = fc.constantFrom('1', '5', '50', '100000');
const by = fc.constantFrom('1', '-7', '9223372036854775807', '-9223372036854775807');

type Argv = readonly string[];
const words = (name: string, ...args: fc.Arbitrary<string>[]): fc.Arbitrary<Argv> =>
  fc.tuple(...args).map((list) => [name, ...list]);
const many = (name: string, one: fc.Arbitrary<Argv>): fc.Arbitrary<Argv> =>
  fc.array(one, { minLength: 1, maxLength: 4 }).map((lists) => [name, ...lists.flat()]);
const option = (...choices: string[]): fc.Arbitrary<Argv> =>
  fc.option(
    fc.constantFrom(...choices).map((word) => [word]),
    { nil: [] },
  );
const keys = key.map((k): Argv => [k]);
const pairs = fc.tuple(key, value);

const command: fc.Arbitrary<Argv> = fc.oneof(
  { weight: 3, arbitrary: words('SET', key, value) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        pairs,
        option('NX', 'XX'),
        option('GET'),
        fc.oneof(
          option('KEEPTTL'),
          ms.map((t): Argv => ['PX', t]),
        ),
      )
      .map((parts): Argv => ['SET', ...parts.flat()]),
  },
  { weight: 3, arbitrary: words('GET', key) },
  words('GETSET', key, value),
  words('GETDEL', key),
  words('SETNX', key, value),
  words('STRLEN', key),
  { weight: 2, arbitrary: words('APPEND', key, value) },
  { weight: 2, arbitrary: words('SETRANGE', key, offset, value) },
  { weight: 2, arbitrary: words('GETRANGE', key, place.map(String), place.map(String)) },
  words('INCR', key),
  words('DECR', key),
  words('INCRBY', key, by),
  words('DECRBY', key, by),
  many('MGET', keys),
  many('MSET', pairs),
  many('MSETNX', pairs),
  many('DEL', keys),
  many('EXISTS', keys),
  words('TYPE', key),
  words('PTTL', key),
  words('PERSIST', key),
  fc.tuple(words('PEXPIRE', key, ms), option('NX', 'XX', 'GT', 'LT')).map((parts) => parts.flat()),
  fc.tuple(words('EXPIRE', key, ms), option('NX', 'XX', 'GT', 'LT')).map((parts) => parts.flat()),
);

type Step =
  /** In one write through one of two gateways; as one transaction if `multi`. */
  | { readonly client: number; readonly commands: readonly Argv[]; readonly multi: boolean }
  | { readonly passMs: number };
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      client: fc.nat(1),
      commands: fc.array(command, { minLength: 1, maxLength: 5 }),
      multi: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
    }),
  },
  { weight: 1, arbitrary: fc.record({ passMs: fc.constantFrom(1, 4, 10, 60, 5_000) }) },
);

/** What went wrong shall be seen without a screen of x. */
const brief = (text: string): string =>
  text.replace(/(.)\1{99,}/g, (run, c) => `${c}*${run.length}`);

async function send(client: TestClient, naive: NaiveRedis, s: Step): Promise<void> {
  if ('passMs' in s) return;
  const replies = s.commands.map((argv) => naive.run(argv));
  const queued = '+QUEUED\r\n'.repeat(replies.length);
  const wanted = s.multi
    ? `+OK\r\n${queued}*${replies.length}\r\n${replies.join('')}`
    : replies.join('');
  const sent = s.multi ? [['MULTI'], ...s.commands, ['EXEC']] : s.commands;
  const answer = await client.send(...sent);
  if (answer !== wanted) expect(brief(answer)).toBe(brief(wanted));
}

describe('string commands', () => {
  test('answer as one map would, through two gateways, alone, in a row and in MULTI', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30, size: 'max' }), async (steps) => {
        const clock = new TestClock();
        const kv = new MemoryKv(clock);
        const gateways = [
          await testGateway({ clock, kv, seed: 'one' }),
          await testGateway({ clock, kv, seed: 'two' }),
        ];
        const clients = gateways.map((gateway) => gateway.connect());
        const naive = new NaiveRedis();
        for (const s of steps) {
          naive.nowMs = clock.wall();
          if ('passMs' in s) await clock.run(s.passMs);
          else await send(clients[s.client]!, naive, s);
        }
        naive.nowMs = clock.wall();
        expect(await clients[0]!.line('DBSIZE')).toBe(`:${naive.keys().length}\r\n`);
      }),
      runs(60),
    );
  });
});
