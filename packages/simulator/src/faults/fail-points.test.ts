import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { failPoints } from '@tinykv/base';
import { describe, expect, it } from 'vitest';

const PACKAGES = join(import.meta.dirname, '../../..');
/** The list itself, and what only drives them. */
const LEFT_OUT = ['base', 'simulator'];

function sources(): string[] {
  return readdirSync(PACKAGES)
    .filter((name) => !LEFT_OUT.includes(name))
    .flatMap((name) => {
      const folder = join(PACKAGES, name, 'src');
      return readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
        .map((file) => readFileSync(join(folder, file), 'utf8'));
    });
}

describe('fail points', () => {
  it('are at least sixty', () => {
    expect(failPoints.length).toBeGreaterThanOrEqual(60);
  });

  it('stand in one place of the product each', () => {
    const text = sources().join('\n');
    for (const name of failPoints.filter((point) => point !== 'scheduler-other-command')) {
      expect(text.split(`'${name}'`).length - 1, name).toBe(1);
    }
  });
});
