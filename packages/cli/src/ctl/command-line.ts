import { concatBytes, fromHex, utf8 } from '@tinykv/base';

/** What is wrong with a line that somebody typed. */
export class LineError extends Error {
  override readonly name = 'LineError';
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  '"': '"',
  '\\': '\\',
};

/**
 * Words of a line as bytes. A word in double quotes may hold blanks, and escapes: `\n`, `\t`, `\r`, `\"`, `\\`
 * and `\xNN` for any byte. What follows a `#` at the beginning of a word is a comment.
 */
export function wordsOf(line: string): Uint8Array[] {
  const words: Uint8Array[] = [];
  let at = 0;
  for (;;) {
    while (at < line.length && isBlank(line[at]!)) at++;
    if (at === line.length || line[at] === '#') return words;
    const [word, end] = line[at] === '"' ? quoted(line, at) : plain(line, at);
    words.push(word);
    at = end;
  }
}

function isBlank(char: string): boolean {
  return char === ' ' || char === '\t' || char === '\r';
}

function plain(line: string, start: number): [Uint8Array, number] {
  let end = start;
  while (end < line.length && !isBlank(line[end]!)) end++;
  return [utf8(line.slice(start, end)), end];
}

function quoted(line: string, start: number): [Uint8Array, number] {
  const parts: Uint8Array[] = [];
  let at = start + 1;
  while (at < line.length) {
    const char = line[at]!;
    if (char === '"') return [concatBytes(...parts), closed(line, at + 1)];
    if (char === '\\') {
      const [bytes, end] = escaped(line, at + 1);
      parts.push(bytes);
      at = end;
      continue;
    }
    const next = line.slice(at).search(/["\\]/);
    const end = next === -1 ? line.length : at + next;
    parts.push(utf8(line.slice(at, end)));
    at = end;
  }
  throw new LineError('a quote is not closed');
}

function closed(line: string, at: number): number {
  if (at < line.length && !isBlank(line[at]!)) {
    throw new LineError('a blank must follow a closing quote');
  }
  return at;
}

function escaped(line: string, at: number): [Uint8Array, number] {
  const char = line[at] ?? '';
  if (char === 'x') {
    const byte = fromHex(line.slice(at + 1, at + 3));
    if (byte?.length === 1) return [byte, at + 3];
  }
  const text = ESCAPES[char];
  if (text === undefined)
    throw new LineError(`\\${char} is no escape: there are \\n \\t \\r \\" \\\\ \\xNN`);
  return [utf8(text), at + 1];
}
