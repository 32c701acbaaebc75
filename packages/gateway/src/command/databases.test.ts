import { expect, test } from 'vitest';
import { latin1Bytes } from '../commands/text.js';
import { databaseArguments } from './databases.js';

test.each([
  ['get k', []],
  ['move k 3', [{ index: 2, key: 1 }]],
  ['copy a b', []],
  ['copy a b replace db 3', [{ index: 5, key: 2 }]],
  ['copy a b DB 2 db 3', [{ index: 6, key: 2 }]],
  ['copy db db db', []],
  [
    'swapdb 1 2',
    [
      { index: 1, key: undefined },
      { index: 2, key: undefined },
    ],
  ],
])('databases that %s names', (line, expected) => {
  const words = line.split(' ');
  expect(databaseArguments(words[0]!, words.map(latin1Bytes))).toEqual(expected);
});
