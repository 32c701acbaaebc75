import { describe, expect, it } from 'vitest';
import { checkPipelines } from './pipelines.js';

function verdict(...replies: number[]): readonly string[] {
  const { violations } = checkPipelines([{ client: 1, call: 2, key: 'c', replies }]);
  return violations.map(({ oracle }) => oracle);
}

describe('pipelines', () => {
  it('may be interrupted by others, and lose replies', () => {
    expect(verdict(1, 2, 7, 9)).toEqual([]);
  });

  it('are convicted when replies change places, or one comes twice', () => {
    expect(verdict(3, 2, 1)).toEqual(['pipelines']);
    expect(verdict(1, 1)).toEqual(['pipelines']);
  });
});
