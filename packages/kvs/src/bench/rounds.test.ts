import { describe, expect, it } from 'vitest';
import { describeRow, measureInTurns, median, ratio } from './rounds.js';

describe('rounds of a bench', () => {
  it('take the candidates in turns, and leave the first turn of each out', async () => {
    const order: string[] = [];
    const figures = await measureInTurns(['a', 'b'], 2, async (name, round) => {
      order.push(`${name}${round}`);
      return name === 'a' ? round : 10 * round;
    });
    expect(order).toEqual(['a0', 'b0', 'a1', 'b1', 'a2', 'b2']);
    expect(figures.get('b')).toEqual([10, 20]);
    expect(describeRow('get', figures, 'us')).toBe(
      'get            us       a 1.50                  b 15.0 (10.00)',
    );
  });

  it('compare figures of one round, not medians', () => {
    const figures = new Map([
      ['a', [1, 10, 100]],
      ['b', [2, 20, 100]],
    ]);
    expect(ratio(figures, 'b', 'a')).toBe(2);
    expect([median([3, 1, 2]), median([4, 1, 2, 3])]).toEqual([2, 2.5]);
  });
});
