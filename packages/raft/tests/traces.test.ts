import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { traceFiles } from '../scripts/trace-folder.js';

// etcd/raft's traces are data from outside of the repository; CI must have them.
const shared =
  process.env['TINYKV_SHARED'] ?? path.resolve(import.meta.dirname, '../../../../shared');
const folder = path.join(shared, 'raft-traces');

describe('the core does what the traces say', () => {
  if (!existsSync(folder)) {
    test('the traces are there', ({ skip }) => {
      expect(process.env['CI'], `no traces in ${folder}`).not.toBe('true');
      console.log(`traces skipped: no ${folder}`);
      skip();
    });
    return;
  }
  for (const file of traceFiles(folder)) {
    test(file.name, () => {
      expect(file.run()).toBeUndefined();
    });
  }
});
