import { CodecError, EMPTY_BYTES } from '@tinykv/base';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  Changer,
  type ConfChangeResult,
  enterJointFor,
  isLeaveJoint,
  restoreConfig,
} from './conf-change.js';
import { formatConfChanges, parseConfChanges } from './conf-change-text.js';
import { emptyConfState } from './message.js';
import { describeConfig, ProgressTracker } from './tracker.js';
import type {
  ConfChange,
  ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
} from './types.js';

const change: fc.Arbitrary<ConfChangeSingle> = fc.record({
  type: fc.constantFrom<ConfChangeType>(
    'ConfChangeAddNode',
    'ConfChangeRemoveNode',
    'ConfChangeUpdateNode',
    'ConfChangeAddLearnerNode',
  ),
  nodeId: fc.integer({ min: 1, max: 6 }),
});

function adopt(tracker: ProgressTracker, result: ConfChangeResult): void {
  if (!result.ok) throw new Error(result.error);
  tracker.config = result.value.config;
  tracker.progress = result.value.progress;
}

/** Voters 1 to 3, then the changes in a joint configuration; undefined when they are refused. */
function jointTracker(changes: readonly ConfChangeSingle[]): ProgressTracker | undefined {
  const tracker = new ProgressTracker(10, 0);
  adopt(tracker, restoreConfig(tracker, 1, { ...emptyConfState, voters: [1, 2, 3] }));
  const result = new Changer(tracker, 1).enterJoint(true, changes);
  if (!result.ok) return undefined;
  adopt(tracker, result);
  return tracker;
}

describe('a configuration', () => {
  test('is restored as it was, joint or not', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 8 }), fc.boolean(), (changes, leave) => {
        const tracker = jointTracker(changes);
        if (tracker === undefined) return;
        if (leave) adopt(tracker, new Changer(tracker, 1).leaveJoint());
        const restored = new ProgressTracker(10, 0);
        adopt(restored, restoreConfig(restored, 1, tracker.confState()));
        expect(restored.confState()).toEqual(tracker.confState());
        expect([...restored.progress.keys()].sort()).toEqual([...tracker.progress.keys()].sort());
      }),
    );
  });

  test('comes out the same by simple steps and by a joint change', () => {
    fc.assert(
      fc.property(fc.array(change, { maxLength: 8 }), (changes) => {
        const joint = jointTracker(changes);
        if (joint === undefined) return;
        adopt(joint, new Changer(joint, 1).leaveJoint());
        const simple = new ProgressTracker(10, 0);
        adopt(simple, restoreConfig(simple, 1, { ...emptyConfState, voters: [1, 2, 3] }));
        for (const single of changes) {
          const result = new Changer(simple, 1).simple([single]);
          // On the way there may be no voters, which simple steps cannot pass through.
          if (!result.ok) return;
          adopt(simple, result);
        }
        expect(describeConfig(joint.config)).toBe(describeConfig(simple.config));
      }),
    );
  });

  test('is not changed before the result is put in force', () => {
    const tracker = jointTracker(parseConfChanges('v4 r1'));
    const before = JSON.stringify(tracker!.confState());
    expect(new Changer(tracker!, 9).leaveJoint().ok).toBe(true);
    expect(JSON.stringify(tracker!.confState())).toBe(before);
  });
});

test('joint configurations are refused where they cannot be', () => {
  const tracker = new ProgressTracker(10, 0);
  const changer = new Changer(tracker, 0);
  const voter = parseConfChanges('v1');
  expect(changer.enterJoint(false, voter)).toEqual({
    ok: false,
    error: "can't make a zero-voter config joint",
  });
  expect(changer.leaveJoint()).toEqual({ ok: false, error: "can't leave a non-joint config" });
  const joint = new Changer(jointTracker(parseConfChanges('v4'))!, 1);
  expect(joint.enterJoint(false, voter)).toEqual({ ok: false, error: 'config is already joint' });
  expect(joint.simple(voter)).toEqual({
    ok: false,
    error: "can't apply simple config change in joint config",
  });
});

test('which changes go through a joint configuration', () => {
  const made = (transition: ConfChangeTransition, text: string): ConfChange => ({
    transition,
    changes: parseConfChanges(text),
    context: EMPTY_BYTES,
  });
  const table: readonly [ConfChangeTransition, string, boolean, boolean][] = [
    ['ConfChangeTransitionAuto', 'v1', false, false],
    ['ConfChangeTransitionAuto', 'v1 v2', true, true],
    ['ConfChangeTransitionJointImplicit', 'v1', true, true],
    ['ConfChangeTransitionJointExplicit', 'v1 v2', true, false],
  ];
  for (const [transition, text, joint, autoLeave] of table) {
    expect(enterJointFor(made(transition, text))).toEqual({ joint, autoLeave });
  }
  expect(isLeaveJoint(made('ConfChangeTransitionAuto', ''))).toBe(true);
  expect(isLeaveJoint(made('ConfChangeTransitionJointExplicit', ''))).toBe(false);
});

test('changes have a text form', () => {
  fc.assert(
    fc.property(fc.array(change), (changes) => {
      expect(parseConfChanges(formatConfChanges(changes))).toEqual(changes);
    }),
  );
  for (const text of ['x1', 'v', 'v-1', 'v1.5', '7']) {
    expect(() => parseConfChanges(text)).toThrow(CodecError);
  }
});
