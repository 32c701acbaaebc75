import { fromUtf8, utf8 } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { LineError, wordsOf } from './command-line.js';

const words = (line: string): string[] => wordsOf(line).map(fromUtf8);

describe('a line', () => {
  it('is words between blanks, up to a comment', () => {
    expect(words('  put a\tb ')).toEqual(['put', 'a', 'b']);
    expect(words('get a#b # why')).toEqual(['get', 'a#b']);
    expect(words('')).toEqual([]);
    expect(words('# nothing')).toEqual([]);
  });

  it('has quoted words with blanks, escapes and any byte', () => {
    expect(words(String.raw`put "a b" "" "\"\\\n"`)).toEqual(['put', 'a b', '', '"\\\n']);
    expect(words('get "# ü"')).toEqual(['get', '# ü']);
    expect(wordsOf(String.raw`"\x00\xffü"`)).toEqual([Uint8Array.of(0, 255, ...utf8('ü'))]);
  });

  it.each([
    ['put "a', 'a quote is not closed'],
    ['put "a"b', 'a blank must follow a closing quote'],
    [String.raw`put "\q"`, String.raw`\q is no escape: there are \n \t \r \" \\ \xNN`],
    [String.raw`put "\x4"`, String.raw`\x is no escape: there are \n \t \r \" \\ \xNN`],
  ])('%s: %s', (line, why) => {
    expect(() => wordsOf(line)).toThrow(new LineError(why));
  });
});
