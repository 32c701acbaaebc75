import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JointConfig, majorityCommitted, majorityVote } from './quorum.js';

const voters = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 9 });

test('the committed index is the largest that more than half have reached', () => {
  fc.assert(
    fc.property(
      voters,
      fc.array(fc.nat({ max: 6 }), { minLength: 10, maxLength: 10 }),
      (ids, all) => {
        const committed = majorityCommitted(ids, (id) => all[id]);
        if (ids.length === 0) {
          expect(committed).toBe(Number.POSITIVE_INFINITY);
          return;
        }
        const reached = (index: number) => ids.filter((id) => all[id]! >= index).length;
        expect(reached(committed)).toBeGreaterThan(ids.length / 2);
        expect(reached(committed + 1)).toBeLessThanOrEqual(ids.length / 2);
      },
    ),
  );
});

test('a vote is decided when the missing ones cannot change it', () => {
  fc.assert(
    fc.property(
      voters,
      fc.array(fc.option(fc.boolean()), { minLength: 10, maxLength: 10 }),
      (ids, all) => {
        const votes = new Map<number, boolean>();
        for (const id of ids) {
          const vote = all[id];
          if (typeof vote === 'boolean') votes.set(id, vote);
        }
        const filled = (missing: boolean) =>
          majorityVote(ids, new Map(ids.map((id) => [id, votes.get(id) ?? missing])));
        const best = filled(true);
        const worst = filled(false);
        expect(majorityVote(new Set(ids), votes)).toBe(best === worst ? best : 'VotePending');
      },
    ),
  );
});

describe('a joint configuration', () => {
  test('wins only when both halves do, and loses when one does', () => {
    const config = new JointConfig([1, 2, 3], [4]);
    const vote = (yes: number[], no: number[]) =>
      config.voteResult(
        new Map([...yes.map((id) => [id, true] as const), ...no.map((id) => [id, false] as const)]),
      );
    expect(vote([1, 2], [])).toBe('VotePending');
    expect(vote([1, 2, 4], [])).toBe('VoteWon');
    expect(vote([1, 2], [4])).toBe('VoteLost');
    expect(vote([4], [1, 2])).toBe('VoteLost');
  });

  test('prints both halves, sorted', () => {
    expect(new JointConfig([3, 1, 2]).describe()).toBe('(1 2 3)');
    expect(new JointConfig([10, 9], [1]).describe()).toBe('(9 10)&&(1)');
  });
});
