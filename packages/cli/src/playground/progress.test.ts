import { expect, it } from 'vitest';
import { startLine, tombstoneIn } from './progress.js';

it('the line of a process is aligned, and coloured on a terminal alone', () => {
  expect(startLine('store-1', 1_234, false)).toBe('✓ store-1     1.2 s');
  expect(startLine('scheduler', 400, true)).toBe('\x1b[32m✓\x1b[0m scheduler   0.4 s');
});

it('a store that is a tombstone is told from one that failed', () => {
  expect(tombstoneIn('{"msg":"starting"}\ntinykv-server: store 7 is tombstone\n')).toBe(7);
  expect(
    tombstoneIn('tinykv-server: store 7 is tombstone\ntinykv-server: no room'),
  ).toBeUndefined();
});
