import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const entry = fileURLToPath(new URL('../../dist/bin/bench.js', import.meta.url));

describe('bench.js', { timeout: 60_000 }, () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tinykv-kvs-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it.each([
    [
      'engines',
      [
        'seq-write',
        'rnd-write',
        'batch-write',
        'synced-write',
        'rnd-read',
        'scan',
        'start',
        'files',
      ],
      ['level', 'log', 'memory'],
    ],
    ['executors', ['request', 'cpu', 'p99'], ['inline', 'queue', 'worker', 'worker-batch']],
  ])('%s: has a line for each row, and leaves no files', async (name, rows, candidates) => {
    const small = ['--rounds', '1', '--keys', '200', '--folder', folder];
    const { stdout } = await run(process.execPath, [entry, name, ...small]);
    for (const row of rows) {
      const line = stdout.split('\n').find((text) => text.startsWith(`${row} `)) ?? '';
      expect(line, row).toMatch(/ \([\d.]+\)/);
      if (row !== 'start' && row !== 'files') {
        for (const candidate of candidates) expect(line).toContain(` ${candidate} `);
      }
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  it('tells how it is used', async () => {
    await expect(run(process.execPath, [entry, 'nothing'])).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining('usage: bench.js engines|executors'),
    });
  });
});
