import { expect, it } from 'vitest';
import { startLine } from './progress.js';

it('the line of a process is aligned, and coloured on a terminal alone', () => {
  expect(startLine('store-1', 1_234, false)).toBe('✓ store-1     1.2 s');
  expect(startLine('scheduler', 400, true)).toBe('\x1b[32m✓\x1b[0m scheduler   0.4 s');
});
