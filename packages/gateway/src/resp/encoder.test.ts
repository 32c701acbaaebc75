import { expect, test } from 'vitest';
import { formatDouble, ReplyEncoder } from './encoder.js';
import { array, bulk, error, integer, NULL, NULL_ARRAY, type Reply, simple } from './types.js';

function encode(reply: Reply, protocol: 2 | 3): string {
  const encoder = new ReplyEncoder();
  encoder.write(reply, protocol);
  return Buffer.from(encoder.take()).toString('latin1');
}

const one = integer(1);
const a = bulk(Buffer.from('a'));

const vectors: readonly [Reply, resp2: string, resp3: string][] = [
  [simple('OK'), '+OK\r\n', '+OK\r\n'],
  [error('ERR a\r\nb\r\n'), '-ERR a  b\r\n', '-ERR a  b\r\n'],
  [integer(9), ':9\r\n', ':9\r\n'],
  [integer(-10), ':-10\r\n', ':-10\r\n'],
  [integer(2n ** 63n - 1n), ':9223372036854775807\r\n', ':9223372036854775807\r\n'],
  [bulk(Buffer.from('\0\r\n\xff', 'latin1')), '$4\r\n\0\r\n\xff\r\n', '$4\r\n\0\r\n\xff\r\n'],
  [bulk(new Uint8Array(0)), '$0\r\n\r\n', '$0\r\n\r\n'],
  [NULL, '$-1\r\n', '_\r\n'],
  [NULL_ARRAY, '*-1\r\n', '_\r\n'],
  [array([one, array([NULL])]), '*2\r\n:1\r\n*1\r\n$-1\r\n', '*2\r\n:1\r\n*1\r\n_\r\n'],
  [{ type: 'map', entries: [[a, one]] }, '*2\r\n$1\r\na\r\n:1\r\n', '%1\r\n$1\r\na\r\n:1\r\n'],
  [{ type: 'set', items: [one] }, '*1\r\n:1\r\n', '~1\r\n:1\r\n'],
  [{ type: 'double', value: 0.1 }, '$19\r\n0.10000000000000001\r\n', ',0.10000000000000001\r\n'],
  [{ type: 'verbatim', text: 'x:1' }, '$3\r\nx:1\r\n', '=7\r\ntxt:x:1\r\n'],
];

test.each(vectors)('%o', (reply, resp2, resp3) => {
  expect(encode(reply, 2)).toBe(resp2);
  expect(encode(reply, 3)).toBe(resp3);
});

test('replies gather in one buffer, which is given away', () => {
  const encoder = new ReplyEncoder();
  for (let i = 0; i < 1_000; i++) encoder.write(bulk(Buffer.from(`value ${i}`)), 2);
  const first = encoder.take();
  expect(encoder.length).toBe(0);
  encoder.write(simple('OK'), 2);
  expect(Buffer.from(first).toString().endsWith('value 999\r\n')).toBe(true);
});

test.each([
  [3, '3'],
  [0.1, '0.10000000000000001'],
  [1e20, '1e+20'],
  [123456789.5, '123456789.5'],
  [1e16, '10000000000000000'],
  [1e17, '1e+17'],
  [0.0001, '0.0001'],
  [0.00001, '1.0000000000000001e-05'],
  [-1.5, '-1.5'],
  [Number.POSITIVE_INFINITY, 'inf'],
  [Number.NEGATIVE_INFINITY, '-inf'],
  [1.7976931348623157e308, '1.7976931348623157e+308'],
])('%d as %%.17g', (value, text) => {
  expect(formatDouble(value)).toBe(text);
});
