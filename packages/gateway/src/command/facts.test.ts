import { expect, test } from 'vitest';
import { readFacts } from './facts.js';

test('a row is read into its fields', () => {
  const facts = readFacts(
    `
a -2 write,fast write,set,fast set 1.0.0 deprecated:6.2.0 hint:x RW+access@1 O(N) for N members
b 1 - slow server 2.0.0 - - -
  b|one 2 - slow server 7.0.0 syscmd - -
`,
    'a 0 It is noted.',
  );
  expect([...facts.keys()]).toEqual(['a', 'b']);
  expect(facts.get('a')).toEqual({
    name: 'a',
    arity: -2,
    flags: ['write', 'fast'],
    categories: ['write', 'set', 'fast'],
    group: 'set',
    since: '1.0.0',
    docFlags: ['deprecated'],
    deprecatedSince: '6.2.0',
    tips: ['hint:x'],
    keySpecs: [
      {
        flags: ['RW', 'access'],
        begin: { type: 'index', index: 1 },
        find: { type: 'range', last: 0, step: 1, limit: 0 },
        note: 'It is noted.',
      },
    ],
    complexity: 'O(N) for N members',
  });
  expect(facts.get('b')?.complexity).toBe('');
  expect(facts.get('b')?.subcommands?.get('one')?.docFlags).toEqual(['syscmd']);
});

test.each([
  ['RO@2..-1/2', { type: 'index', index: 2 }, { type: 'range', last: -1, step: 2, limit: 0 }],
  ['RO@KEYS>-2..-1', { type: 'keyword', keyword: 'KEYS', from: -2 }, { type: 'range', last: -1 }],
  ['RO@STREAMS>1..-1%2', { type: 'keyword', from: 1 }, { type: 'range', last: -1, limit: 2 }],
  ['RO@2#0+1', { type: 'index', index: 2 }, { type: 'keynum', at: 0, first: 1, step: 1 }],
  ['RO@?', { type: 'unknown' }, { type: 'unknown' }],
])('key specification %s', (text, begin, find) => {
  const [spec] = readFacts(`a 1 - - set 1.0.0 - - ${text}`, '').get('a')!.keySpecs;
  expect(spec).toMatchObject({ flags: ['RO'], begin, find });
});

test.each([
  ['a row that is cut off', 'a 1 - - set'],
  ['a key specification of another form', 'a 1 - - set 1.0.0 - - RO'],
  ['a command with two rows', 'a 1 - - set 1.0.0 - - -\na 1 - - set 1.0.0 - - -'],
  ['a sub-command of another command', 'a 1 - - set 1.0.0 - - -\n  b|c 1 - - set 1.0.0 - - -'],
])('%s is refused', (_, rows) => {
  expect(() => readFacts(rows, '')).toThrow();
});
