import { expect, test } from 'vitest';
import type { Handler } from '../commands/spec.js';
import { OK } from '../resp/types.js';
import { attach } from './attach.js';
import { readFacts } from './facts.js';

const FACTS = readFacts(
  `
a 2 write write,slow set 1.0.0 - - RW@1
b -2 - slow server 1.0.0 - - -
  b|one 2 - slow server 1.0.0 - - -
  b|two 2 - slow server 1.0.0 - - -
c 1 - slow server 1.0.0 - - -
`,
  '',
);

function handler(name: string): Handler {
  return { kind: 'session', name, run: () => OK };
}

test('a command is what the table says of it and what carries it out', () => {
  const specs = attach(FACTS, [handler('b|two'), handler('b'), handler('a')]);
  expect([...specs.keys()]).toEqual(['a', 'b']);
  expect(specs.get('a')).toMatchObject({
    arity: 2,
    writes: true,
    range: { first: 1, last: 1, step: 1 },
    subcommands: undefined,
  });
  expect([...specs.get('b')!.subcommands!.keys()]).toEqual(['two']);
  expect([...specs.get('b')!.facts.subcommands!.keys()]).toEqual(['two']);
});

test('a handler without facts, a second one, and one without its parent are refused', () => {
  expect(() => attach(FACTS, [handler('d')])).toThrow('the table has no d');
  expect(() => attach(FACTS, [handler('b|one')])).toThrow('the table has no b|one');
  expect(() => attach(FACTS, [handler('a'), handler('a')])).toThrow('two handlers');
});
