import type { Prng } from '@tinykv/base';

type Make = (rng: Prng) => string[];

const KEYS = ['a', 'b', 'c', 'd', '{t}1', '{t}2', '', 'bin\x00\r\n\xff'];
const VALUES = [
  '',
  '0',
  '1',
  '-1',
  '10',
  'abc',
  '9223372036854775807',
  ' 7',
  '3.5',
  '\x00\x01\xff',
];
const NUMBERS = ['0', '1', '-1', '5', '100', '-100', 'x', '9223372036854775807', '01', '1.5'];
/** Far from any edge while the test runs. */
const SECONDS = ['600', '6000', '0', '-1', 'x', '9223372036854775807'];
/** Conditions compare times: values so far apart that the two clocks never change the answer. */
const farSeconds = (rng: Prng): string => String(rng.int(1, 10_000) * 1_000);

function pick<T>(rng: Prng, items: readonly T[]): T {
  return items[rng.int(0, items.length)]!;
}

const key: Make = (rng) => [pick(rng, KEYS)];
const value = (rng: Prng): string => pick(rng, VALUES);

function some(rng: Prng, max: number, make: Make): string[] {
  const out: string[] = [];
  for (let i = rng.int(1, max + 1); i > 0; i--) out.push(...make(rng));
  return out;
}

function expireOption(rng: Prng): string[] {
  switch (rng.int(0, 5)) {
    case 0:
      return ['EX', pick(rng, SECONDS)];
    case 1:
      return ['px', pick(rng, ['600000', '0', '-5', 'y'])];
    case 2:
      return ['EXAT', pick(rng, ['1', '32503680000', '0'])];
    case 3:
      return ['PXAT', pick(rng, ['1000', '32503680000000'])];
    default:
      return [];
  }
}

function setOptions(rng: Prng): string[] {
  const out = expireOption(rng);
  if (rng.int(0, 3) === 0) out.push(pick(rng, ['NX', 'XX', 'get', 'KEEPTTL', 'nope', 'nx']));
  if (rng.int(0, 4) === 0) out.push(pick(rng, ['GET', 'XX', 'KEEPTTL', 'PERSIST', 'EX']));
  return out;
}

const commands: readonly Make[] = [
  (rng) => ['SET', ...key(rng), value(rng), ...setOptions(rng)],
  (rng) => ['set', ...key(rng), value(rng)],
  (rng) => ['GET', ...key(rng)],
  (rng) => ['get', ...key(rng)],
  (rng) => [pick(rng, ['SETEX', 'setex']), ...key(rng), pick(rng, SECONDS), value(rng)],
  (rng) => ['PSETEX', ...key(rng), pick(rng, ['600000', '0', 'x']), value(rng)],
  (rng) => ['SETNX', ...key(rng), value(rng)],
  (rng) => ['GETSET', ...key(rng), value(rng)],
  (rng) => ['GETDEL', ...key(rng)],
  (rng) => ['GETEX', ...key(rng), ...expireOption(rng)],
  (rng) => ['GETEX', ...key(rng), pick(rng, ['PERSIST', 'nope', 'KEEPTTL'])],
  (rng) => ['MGET', ...some(rng, 5, key)],
  (rng) => ['MSET', ...some(rng, 4, (r) => [...key(r), value(r)])],
  (rng) => ['MSETNX', ...some(rng, 3, (r) => [...key(r), value(r)])],
  (rng) => [pick(rng, ['DEL', 'UNLINK']), ...some(rng, 3, key)],
  (rng) => [pick(rng, ['EXISTS', 'TOUCH']), ...some(rng, 4, key)],
  (rng) => [pick(rng, ['INCR', 'DECR']), ...key(rng)],
  (rng) => [pick(rng, ['INCRBY', 'DECRBY']), ...key(rng), pick(rng, NUMBERS)],
  (rng) => ['APPEND', ...key(rng), value(rng)],
  (rng) => ['STRLEN', ...key(rng)],
  (rng) => ['GETRANGE', ...key(rng), pick(rng, NUMBERS), pick(rng, NUMBERS)],
  (rng) => ['SETRANGE', ...key(rng), pick(rng, ['0', '3', '12', '-1', 'x']), value(rng)],
  (rng) => ['TYPE', ...key(rng)],
  (rng) => [
    pick(rng, ['EXPIRE', 'expire']),
    ...key(rng),
    farSeconds(rng),
    ...some(rng, 2, (r) => [pick(r, ['NX', 'XX', 'GT', 'lt', '?'])]),
  ],
  (rng) => ['EXPIRE', ...key(rng), pick(rng, SECONDS)],
  (rng) => ['PEXPIRE', ...key(rng), pick(rng, ['600000', '0', '-1', 'x'])],
  (rng) => ['EXPIREAT', ...key(rng), pick(rng, ['32503680000', '1', 'x'])],
  (rng) => ['PEXPIREAT', ...key(rng), pick(rng, ['32503680000000', '1', 'x'])],
  (rng) => [pick(rng, ['TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME']), ...key(rng)],
  (rng) => ['PERSIST', ...key(rng)],
  () => ['KEYS', '*'],
  (rng) => ['SELECT', pick(rng, ['0', '0', '0', '1', '16'])],
  () => ['MULTI'],
  () => ['EXEC'],
  () => ['EXEC'],
  () => ['DISCARD'],
  (rng) => ['WATCH', ...some(rng, 2, key)],
  () => ['UNWATCH'],
  (rng) => (rng.int(0, 4) === 0 ? [pick(rng, ['FLUSHDB', 'FLUSHALL'])] : ['PING']),
  (rng) => [pick(rng, ['nope', 'get', 'incr', 'set'])],
];

export function generateCommands(rng: Prng, count: number): string[][] {
  return Array.from({ length: count }, () => pick(rng, commands)(rng));
}
