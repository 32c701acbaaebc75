import { expect, test } from 'vitest';
import { describeMismatch, parseTrace, runTrace } from './datadriven.js';

const TRACE = `# A comment.

first 1 2 key=value list=(a, b,c) none=()
input one
input two
----
output

second
----
----
with

empty line
----
----

third
----
  INFO something
ok
`;

test('reads commands, options, input and output', () => {
  const blocks = parseTrace(TRACE);
  expect(blocks.map((block) => [block.line, block.command, block.expected])).toEqual([
    [3, 'first', 'output'],
    [9, 'second', 'with\n\nempty line'],
    [18, 'third', '  INFO something\nok'],
  ]);
  expect(blocks[0]?.input).toBe('input one\ninput two');
  expect(blocks[0]?.args).toEqual([
    { key: '1', values: [] },
    { key: '2', values: [] },
    { key: 'key', values: ['value'] },
    { key: 'list', values: ['a', 'b', 'c'] },
    { key: 'none', values: [] },
  ]);
});

test('log lines are not compared, and nothing is ok', () => {
  const outputs: Readonly<Record<string, string>> = {
    first: 'DEBUG mine\noutput\n',
    second: 'with\n\nempty line',
    third: '',
  };
  expect(runTrace(TRACE, (block) => outputs[block.command]!)).toBeUndefined();
});

test('a mismatch shows the lines that differ', () => {
  const mismatch = runTrace('cmd 1 x=y\n----\na\nb\nc\n', () => 'a\nB\nc\n');
  expect(mismatch && describeMismatch(mismatch)).toBe(
    ['line 1: cmd 1 x=(y)', '    a', '  - b', '  + B', '    c'].join('\n'),
  );
});

test('what the runner throws is its output', () => {
  const mismatch = runTrace('cmd\n----\nok\n', () => {
    throw new Error('broken');
  });
  expect(mismatch?.actual).toBe('Error: broken');
});

test('malformed traces are refused with their line', () => {
  expect(() => parseTrace('\ncmd\ninput\n')).toThrow('line 2: cmd has no ----');
  expect(() => parseTrace('cmd a=(1\n----\n')).toThrow('line 1: malformed command');
});
