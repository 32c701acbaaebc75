import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EXIT } from '@tinykv/server';
import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

describe('docs', () => {
  it('errors.md has every code of KvError and no other', () => {
    const union = /export type KvErrorCode =([^;]+);/.exec(
      read('packages/base/src/errors.ts'),
    )?.[1];
    const codes = [...(union ?? '').matchAll(/'(\w+)'/g)].map((match) => match[1]);
    expect(codes.length).toBeGreaterThan(5);
    const rows = [...read('docs/errors.md').matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1]);
    expect(rows.sort()).toEqual(codes.sort());
  });

  it('errors.md has every exit code', () => {
    const rows = [...read('docs/errors.md').matchAll(/^\| (\d) \|/gm)].map((m) => Number(m[1]));
    expect(rows).toEqual(Object.values(EXIT));
  });

  it('life-of-a-set.md has nine stops, each at a function that is there', () => {
    const text = read('docs/life-of-a-set.md');
    const stops = [...text.matchAll(/^### (\d)\. .+\n\n\[.+\]\((\S+)\) · `(\w+)`$/gm)];
    expect(stops.map((stop) => Number(stop[1]))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const [, , link, name] of stops) {
      const source = readFileSync(resolve(root, 'docs', link!), 'utf8');
      expect(source, `${name} in ${link}`).toMatch(
        new RegExp(`^(export )?(async )?(function )?\\s*(async )?${name}\\(`, 'm'),
      );
      expect(source.split('\n').length - 1, link).toBeLessThanOrEqual(350);
    }
  });

  it('every package has a page', () => {
    for (const name of readdirSync(join(root, 'packages'))) {
      expect(existsSync(join(root, `docs/internals/${name}.md`)), name).toBe(true);
    }
  });
});
