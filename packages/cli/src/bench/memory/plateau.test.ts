import { describe, expect, it } from 'vitest';
import { plateauOf } from './plateau.js';

const MIB = 1_048_576;

function samples(ownMib: readonly number[]) {
  return ownMib.map((own, i) => ({ seconds: i + 1, own: own * MIB, mapped: 0 }));
}

describe('a plateau', () => {
  it('is what memory reaches after a start, however it goes up and down', () => {
    expect(plateauOf(samples([50, 150, 250, 290, 240, 280, 300, 230, 290])).isFlat).toBe(true);
  });

  it('is not what goes on growing', () => {
    const grows = plateauOf(samples([100, 140, 180, 220, 260, 300, 340, 380, 420]));
    expect(grows).toEqual({ before: 300 * MIB, after: 420 * MIB, isFlat: false });
  });
});
