import { expect, test } from 'vitest';
import { Glob } from './glob.js';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const matches = (pattern: string, subject: string): boolean =>
  new Glob(bytes(pattern)).matches(bytes(subject));

test.each([
  ['*', '', true],
  ['', '', true],
  ['', 'a', false],
  ['h?llo', 'hello', true],
  ['h?llo', 'hllo', false],
  ['h*llo', 'heeeello', true],
  ['h[ae]llo', 'hallo', true],
  ['h[ae]llo', 'hillo', false],
  ['h[^e]llo', 'hallo', true],
  ['h[^e]llo', 'hello', false],
  ['h[a-b]llo', 'hbllo', true],
  ['h[b-a]llo', 'hallo', true],
  ['h\\*llo', 'h*llo', true],
  ['h\\*llo', 'hello', false],
  ['a[\\]]b', 'a]b', true],
  ['a[b', 'ab', true],
  ['*a*b*c', 'xaxbxc', true],
  ['*a*b*c', 'xaxbxcx', false],
  ['a**b', 'ab', true],
  ['\\', '\\', true],
  ['\xff?', '\xff\x00', true],
])('%s on %j', (pattern, subject, expected) => {
  expect(matches(pattern, subject)).toBe(expected);
});

test('many stars take no more than pattern × subject steps', () => {
  const begun = performance.now();
  expect(matches(`${'*a'.repeat(50)}*b`, 'a'.repeat(20_000))).toBe(false);
  expect(performance.now() - begun).toBeLessThan(2_000);
});
