import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { EMPTY_BYTES, limits, Prng, utf8 } from '@tinykv/base';
import { describe, expect, test } from 'vitest';
import { RespDecoder } from './decoder.js';
import type { Request } from './request.js';

interface Decoded {
  readonly requests: string[][];
  readonly error: string | undefined;
}

function decode(chunks: readonly Uint8Array[]): Decoded {
  const decoder = new RespDecoder();
  const out: Request[] = [];
  for (const chunk of chunks) decoder.decode(chunk, out);
  const requests = out.map((argv) => argv.map((arg) => Buffer.from(arg).toString('latin1')));
  return { requests, error: decoder.error };
}

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

function byteByByte(text: string): Uint8Array[] {
  return [...text].map((char) => bytes(char));
}

function randomCuts(text: string, rng: Prng): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < text.length; ) {
    const end = at + rng.int(1, 12);
    chunks.push(bytes(text.slice(at, end)));
    at = end;
  }
  return chunks;
}

const vectors: readonly [name: string, input: string, requests: string[][], error?: string][] = [
  ['one array', '*2\r\n$3\r\nGET\r\n$1\r\nk\r\n', [['GET', 'k']]],
  [
    'binary and empty bulks',
    '*3\r\n$1\r\n\0\r\n$0\r\n\r\n$4\r\n\r\n\xff*\r\n',
    [['\0', '', '\r\n\xff*']],
  ],
  ['empty arrays are nothing', '*0\r\n*-1\r\n*-2\r\n*1\r\n$4\r\nPING\r\n', [['PING']]],
  ['what ends a bulk is not looked at', '*1\r\n$4\r\nPINGxx*1\r\n$1\r\na\r\n', [['PING'], ['a']]],
  ['inline', 'SET a  b\t c\r\n', [['SET', 'a', 'b', 'c']]],
  ['inline ends in LF alone', 'PING\nPING\n', [['PING'], ['PING']]],
  ['empty lines are nothing', '\r\n\n   \r\nPING\r\n', [['PING']]],
  ['quotes', `echo "a b\\n\\x41\\q\\"" 'c\\'d\\n' e\r\n`, [['echo', 'a b\nAq"', "c'd\\n", 'e']]],
  ['inline in between', '*1\r\n$1\r\na\r\nPING\r\n*1\r\n$1\r\nb\r\n', [['a'], ['PING'], ['b']]],
  ['unbalanced', 'set "a\r\nPING\r\n', [], 'Protocol error: unbalanced quotes in request'],
  ['text after a quote', 'set "a"b\r\n', [], 'Protocol error: unbalanced quotes in request'],
  ['no dollar', '*1\r\nPING\r\n', [], "Protocol error: expected '$', got 'P'"],
  ['no count', '*\r\n', [], 'Protocol error: invalid multibulk length'],
  ['leading zero', '*01\r\n', [], 'Protocol error: invalid multibulk length'],
  ['plus sign', '*+1\r\n', [], 'Protocol error: invalid multibulk length'],
  ['2^31 - 1 announced', 'PING\r\n*2147483647\r\n', [['PING']]],
  ['2^31', '*2147483648\r\n', [], 'Protocol error: invalid multibulk length'],
  ['negative bulk', '*1\r\n$-5\r\n', [], 'Protocol error: invalid bulk length'],
  ['bulk of words', '*1\r\n$abc\r\n', [], 'Protocol error: invalid bulk length'],
  ['512 MiB', '*1\r\n$536870912\r\n', [], 'Protocol error: invalid bulk length'],
  ['nested', '*1\r\n*1\r\n$1\r\na\r\n', [], "Protocol error: expected '$', got '*'"],
  [
    'requests before the error',
    'PING\r\n*x\r\n',
    [['PING']],
    'Protocol error: invalid multibulk length',
  ],
];

describe('requests are the same however they are cut', () => {
  test.each(vectors)('%s', (_, input, requests, error) => {
    const expected = { requests, error };
    expect(decode([bytes(input)])).toEqual(expected);
    expect(decode(byteByByte(input))).toEqual(expected);
    const rng = new Prng(input);
    for (let i = 0; i < 20; i++) expect(decode(randomCuts(input, rng))).toEqual(expected);
    for (let cut = 1; cut < input.length; cut++) {
      expect(decode([bytes(input.slice(0, cut)), bytes(input.slice(cut))])).toEqual(expected);
    }
  });
});

describe('limits', () => {
  const line = 'x'.repeat(limits.gatewayInlineBytesMax);

  test('an inline request over 64 KiB is taken when it is whole', () => {
    const long = line.repeat(4);
    expect(decode([bytes(`${line}\n`)]).requests).toEqual([[line]]);
    expect(decode([bytes(`${long} y\r\nPING\n`)]).requests).toEqual([[long, 'y'], ['PING']]);
    expect(decode([bytes(line), bytes('x\n')]).requests).toEqual([[`${line}x`]]);
    const tooBig = { requests: [], error: 'Protocol error: too big inline request' };
    expect(decode([bytes(line), bytes('x'), bytes('\n')])).toEqual(tooBig);
    expect(decode([bytes(`${line}x`)])).toEqual(tooBig);
  });

  test('a length line that does not end', () => {
    expect(decode([bytes(`*${line}`)]).error).toBe('Protocol error: too big mbulk count string');
    expect(decode([bytes('*1\r\n'), bytes(`$${line}`)]).error).toBe(
      'Protocol error: too big bulk count string',
    );
  });

  test('memory follows what came, not what was announced', () => {
    const decoder = new RespDecoder();
    const out: Request[] = [];
    decoder.decode(utf8(`*2147483647\r\n$${limits.gatewayBulkBytesMax}\r\nabc`), out);
    expect(decoder.error).toBeUndefined();
    expect(decoder.bufferedBytes).toBeLessThan(1_000);
  });

  test('a request that grows beyond the query limit is refused', () => {
    const bounds = { bulkBytesMax: 1 << 30, argumentsMax: 1 << 20, queryBytesMax: 64 << 20 };
    const decoder = new RespDecoder(bounds);
    const out: Request[] = [];
    decoder.decode(bytes(`*1\r\n$${1 << 29}\r\n`), out);
    const chunk = new Uint8Array(1 << 20);
    for (let i = 0; i < 65 && decoder.error === undefined; i++) decoder.decode(chunk, out);
    expect(decoder.error).toBe('Protocol error: too big request');
    expect(decoder.bufferedBytes).toBe(0);
  });

  test('arguments of no length share their memory', () => {
    const decoder = new RespDecoder();
    const out: Request[] = [];
    decoder.decode(bytes(`*3\r\n${'$0\r\n\r\n'.repeat(3)}`), out);
    expect(out[0]![0]).toBe(EMPTY_BYTES);
    for (const byte of byteByByte('*2\r\n$0\r\n\r\n$0\r\n\r\n')) decoder.decode(byte, out);
    expect(out[1]![1]).toBe(EMPTY_BYTES);
    expect(decoder.bufferedBytes).toBe(0);
  });

  test.each([1, 60, 300])('arguments of %i bytes are charged what they hold', (length) => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const count = 100_000;
    const held = (): number => {
      // Memory that a finalizer held for the last time goes with the second.
      collect();
      collect();
      const { heapUsed, arrayBuffers } = process.memoryUsage();
      return heapUsed + arrayBuffers;
    };
    const chunk = bytes(`$${length}\r\n${'v'.repeat(length)}\r\n`.repeat(1_000));
    const decoder = new RespDecoder();
    const out: Request[] = [];
    const before = held();
    decoder.decode(bytes(`*${count + 1}\r\n`), out);
    for (let i = 0; i < count / 1_000; i++) decoder.decode(chunk, out);
    const grown = held() - before;
    expect(decoder.bufferedBytes).toBeGreaterThan(0.9 * grown);
    expect(decoder.bufferedBytes).toBeLessThan(2 * grown);
  });

  test('a large bulk over many chunks', () => {
    const value = 'v'.repeat(300_000);
    const input = `*2\r\n$3\r\nSET\r\n$${value.length}\r\n${value}\r\nPING\r\n`;
    const chunks: Uint8Array[] = [];
    for (let at = 0; at < input.length; at += 1_000)
      chunks.push(bytes(input.slice(at, at + 1_000)));
    expect(decode(chunks).requests).toEqual([['SET', value], ['PING']]);
  });
});

test('mutated requests never break the decoder', () => {
  const corpus = vectors.map(([, input]) => input);
  const rng = new Prng('mutations');
  for (let i = 0; i < 3_000; i++) {
    const input = [...corpus[rng.int(0, corpus.length)]!];
    for (let m = rng.int(1, 9); m > 0 && input.length > 0; m--) {
      const at = rng.int(0, input.length);
      if (rng.int(0, 3) === 0) input.splice(at, 1);
      else if (rng.int(0, 2) === 0) input.splice(at, 0, String.fromCharCode(rng.int(0, 256)));
      else input[at] = String.fromCharCode(rng.int(0, 256));
    }
    const text = input.join('');
    expect(decode(byteByByte(text))).toEqual(decode([bytes(text)]));
  }
});
