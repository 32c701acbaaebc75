import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { mutants } from './index.js';
import { plant } from './plant.js';
import { transpile } from './transpile.js';

const root = new URL('../../../../', import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, root), 'utf8');

describe('mutants', () => {
  it.each(mutants.map((mutant) => [mutant.name, mutant] as const))(
    '%s fits the product',
    (_, mutant) => {
      const planted = plant(mutant, read);
      expect(planted.size).toBeGreaterThan(0);
      for (const [file, source] of planted) {
        expect(file).toMatch(/^packages\/(?!simulator)[a-z-]+\/src\/.*(?<!\.test)\.ts$/);
        expect(transpile(source, file)).not.toBe(transpile(read(file), file));
      }
    },
  );

  it('have names of their own, and say what they break', () => {
    expect(new Set(mutants.map(({ name }) => name)).size).toBe(mutants.length);
    for (const { name, breaks } of mutants) {
      expect(name).toMatch(/^[a-z]+(-[a-z]+)+$/);
      expect(breaks).toMatch(/^[A-Z].{20,}\.$/);
    }
  });
});

describe('plant', () => {
  const edit = { file: 'a.ts', find: 'one();', replace: 'two();' };
  const mutant = { name: 'a-mistake', edits: [edit], breaks: '' };

  it('applies the edits of a file one after the other', () => {
    const edits = [edit, { file: 'a.ts', find: 'two();\nthree();', replace: '' }];
    const planted = plant({ ...mutant, edits }, () => 'one();\nthree();\nfour();');
    expect([...planted]).toEqual([['a.ts', '\nfour();']]);
  });

  it('names the mutant and the file where the text is missing or stands twice', () => {
    expect(() => plant(mutant, () => 'none')).toThrow(
      'mutant a-mistake: this is not in a.ts:\none();',
    );
    expect(() => plant(mutant, () => 'one();one();')).toThrow(
      'mutant a-mistake: this is 2 times in a.ts:\none();',
    );
  });

  it('takes the replacement as it is, not as a pattern', () => {
    const dollars = { ...mutant, edits: [{ ...edit, replace: '$&$1' }] };
    expect(plant(dollars, () => 'one();').get('a.ts')).toBe('$&$1');
  });
});

describe('transpile', () => {
  it('leaves types out and keeps the rest', () => {
    expect(transpile('export const a: number = 1 as number;', 'a.ts')).toBe(
      'export const a = 1;\n',
    );
  });

  it('refuses what is no TypeScript', () => {
    expect(() => transpile('const = 1;', 'a.ts')).toThrow(/^a\.ts: /);
  });
});
