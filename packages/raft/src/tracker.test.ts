import { expect, test } from 'vitest';
import { restoreConfig } from './conf-change.js';
import { emptyConfState } from './message.js';
import { ProgressTracker } from './tracker.js';
import type { ConfState } from './types.js';

function tracker(confState: Partial<ConfState>): ProgressTracker {
  const made = new ProgressTracker(10, 0);
  const restored = restoreConfig(made, 5, { ...emptyConfState, ...confState });
  if (!restored.ok) throw new Error(restored.error);
  made.config = restored.value.config;
  made.progress = restored.value.progress;
  return made;
}

test('the first vote of a peer counts, that of a learner does not', () => {
  const group = tracker({ voters: [1, 2, 3], learners: [4] });
  group.recordVote(1, true);
  group.recordVote(2, false);
  group.recordVote(2, true);
  group.recordVote(4, true);
  expect(group.tallyVotes()).toEqual({ granted: 1, rejected: 1, result: 'VotePending' });
  group.recordVote(3, true);
  expect(group.tallyVotes()).toEqual({ granted: 2, rejected: 1, result: 'VoteWon' });
  group.resetVotes();
  expect(group.tallyVotes()).toEqual({ granted: 0, rejected: 0, result: 'VotePending' });
});

test('committed counts voters, not learners', () => {
  const group = tracker({ voters: [1, 2, 3], learners: [4] });
  group.progress.get(4)!.maybeUpdate(9);
  group.progress.get(1)!.maybeUpdate(9);
  expect(group.committed()).toBe(0);
  group.progress.get(2)!.maybeUpdate(7);
  expect(group.committed()).toBe(7);
});

test('the quorum is active when a majority of each half was heard of', () => {
  const group = tracker({ voters: [1, 2, 3], votersOutgoing: [1, 4] });
  for (const member of group.progress.values()) member.recentActive = false;
  for (const id of [1, 2]) group.progress.get(id)!.recentActive = true;
  expect(group.quorumActive()).toBe(false);
  group.progress.get(4)!.recentActive = true;
  expect(group.quorumActive()).toBe(true);
});

test('members are visited in id order', () => {
  const group = tracker({ voters: [30, 4], learners: [11] });
  const seen: number[] = [];
  group.visit((id) => seen.push(id));
  expect(seen).toEqual([4, 11, 30]);
  expect(group.voterNodes()).toEqual([4, 30]);
  expect(group.learnerNodes()).toEqual([11]);
});

test('one voter alone is a singleton, unless others are about to leave', () => {
  expect(tracker({ voters: [1], learners: [2] }).isSingleton()).toBe(true);
  expect(tracker({ voters: [1], votersOutgoing: [2] }).isSingleton()).toBe(false);
  expect(tracker({}).committed()).toBe(Number.POSITIVE_INFINITY);
});
