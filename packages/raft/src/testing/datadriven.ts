/** `key` alone, `key=value`, or `key=(a,b)`. */
export interface CommandArg {
  readonly key: string;
  readonly values: readonly string[];
}

/** One step of a trace: a command, its input lines, and what it must print. */
export interface TraceBlock {
  /** Of the command, counted from 1. */
  readonly line: number;
  readonly command: string;
  readonly args: readonly CommandArg[];
  readonly input: string;
  readonly expected: string;
}

/** Runs the commands of one trace, in order. Returns what the command prints. */
export type TraceRunner = (block: TraceBlock) => string;

export interface TraceMismatch {
  readonly block: TraceBlock;
  readonly expected: string;
  readonly actual: string;
}

const SEPARATOR = '----';
const LOG_LINE = /^\s*(?:DEBUG|INFO|WARN|ERROR|FATAL)\b/;

/** Reads the format of etcd/raft's traces. Throws an Error that names the line of what is malformed. */
export function parseTrace(text: string): TraceBlock[] {
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
  const blocks: TraceBlock[] = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at]!;
    if (line.trim() === '' || line.startsWith('#')) {
      at++;
      continue;
    }
    const { block, next } = parseBlock(lines, at);
    blocks.push(block);
    at = next;
  }
  return blocks;
}

function parseBlock(
  lines: readonly string[],
  start: number,
): { readonly block: TraceBlock; readonly next: number } {
  let at = start;
  let commandLine = lines[at++]!;
  while (commandLine.endsWith('\\') && at < lines.length) {
    commandLine = `${commandLine.slice(0, -1)} ${lines[at++]!}`;
  }
  const { command, args } = parseCommand(commandLine, start + 1);

  const input: string[] = [];
  while (at < lines.length && lines[at] !== SEPARATOR) input.push(lines[at++]!);
  if (at === lines.length) throw new Error(`line ${start + 1}: ${command} has no ${SEPARATOR}`);
  at++;

  // Output with empty lines in it stands between doubled separators.
  const doubled = lines[at] === SEPARATOR;
  if (doubled) at++;
  const isEnd = (index: number): boolean =>
    doubled
      ? lines[index] === SEPARATOR && lines[index + 1] === SEPARATOR
      : lines[index]!.trim() === '';
  const expected: string[] = [];
  while (at < lines.length && !isEnd(at)) expected.push(lines[at++]!);
  if (doubled && at === lines.length) throw new Error(`line ${start + 1}: output does not end`);
  return {
    block: {
      line: start + 1,
      command,
      args,
      input: input.join('\n'),
      expected: expected.join('\n'),
    },
    next: at + (doubled ? 2 : 1),
  };
}

function parseCommand(
  text: string,
  line: number,
): { readonly command: string; readonly args: readonly CommandArg[] } {
  // A word, of which the part after `=` may be a list in parentheses with blanks inside.
  const words = text.match(/[^\s=()]+(?:=(?:\([^)]*\)|[^\s()]*))?/g) ?? [];
  if (words.join('').replace(/\s/g, '') !== text.replace(/\s/g, '')) {
    throw new Error(`line ${line}: malformed command: ${text}`);
  }
  const [command = '', ...rest] = words;
  return { command, args: rest.map(parseArg) };
}

function parseArg(word: string): CommandArg {
  const equals = word.indexOf('=');
  if (equals < 0) return { key: word, values: [] };
  const key = word.slice(0, equals);
  const value = word.slice(equals + 1);
  if (!value.startsWith('(')) return { key, values: value === '' ? [] : [value] };
  const items = value.slice(1, -1).trim();
  return { key, values: items === '' ? [] : items.split(',').map((item) => item.trim()) };
}

/** The values of an argument; undefined when it is not given. */
export function argValues(block: TraceBlock, key: string): readonly string[] | undefined {
  return block.args.find((arg) => arg.key === key)?.values;
}

/**
 * Runs a trace to its end or to the first block that prints something else. An error thrown by the
 * runner counts as its output.
 */
export function runTrace(text: string, runner: TraceRunner): TraceMismatch | undefined {
  for (const block of parseTrace(text)) {
    const expected = normalize(block.expected);
    const actual = normalize(outputOf(runner, block));
    if (actual !== expected) return { block, expected, actual };
  }
  return undefined;
}

function outputOf(runner: TraceRunner, block: TraceBlock): string {
  try {
    return runner(block);
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
}

/** Log lines are not compared, since their texts are each implementation's own; nothing is `ok`. */
function normalize(output: string): string {
  const kept = output.split('\n').filter((line) => !LOG_LINE.test(line));
  while (kept.at(-1) === '') kept.pop();
  return kept.length === 0 ? 'ok' : kept.join('\n');
}

/** The block, then its output line by line: `-` was expected, `+` was printed. */
export function describeMismatch({ block, expected, actual }: TraceMismatch): string {
  const wanted = expected.split('\n');
  const got = actual.split('\n');
  let same = 0;
  while (same < wanted.length && same < got.length && wanted[same] === got[same]) same++;
  let tail = 0;
  while (
    tail < Math.min(wanted.length, got.length) - same &&
    wanted[wanted.length - 1 - tail] === got[got.length - 1 - tail]
  ) {
    tail++;
  }
  const args = block.args.map(({ key, values }) =>
    values.length === 0 ? ` ${key}` : ` ${key}=(${values.join(',')})`,
  );
  return [
    `line ${block.line}: ${block.command}${args.join('')}`,
    ...wanted.slice(0, same).map((line) => `    ${line}`),
    ...wanted.slice(same, wanted.length - tail).map((line) => `  - ${line}`),
    ...got.slice(same, got.length - tail).map((line) => `  + ${line}`),
    ...got.slice(got.length - tail).map((line) => `    ${line}`),
  ].join('\n');
}
