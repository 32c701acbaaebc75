import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ResultsFile } from './results-file.js';

describe('ResultsFile', () => {
  let folder = '';
  let path = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tinykv-results-'));
    path = join(folder, 'deep/results.jsonl');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is empty before the first result, and makes its folder', () => {
    const file = new ResultsFile<number>(path);
    expect(file.read()).toEqual([]);
    file.append(1);
    file.append(2);
    expect(file.read()).toEqual([1, 2]);
    expect(readFileSync(path, 'utf8')).toBe('1\n2\n');
  });

  it('goes on after a run that was killed in the middle of a line', () => {
    new ResultsFile<object>(path).append({ seed: 1 });
    appendFileSync(path, '{"seed":');
    const file = new ResultsFile<object>(path);
    expect(file.read()).toEqual([{ seed: 1 }]);
    file.append({ seed: 2 });
    expect(file.read()).toEqual([{ seed: 1 }, { seed: 2 }]);
  });
});
