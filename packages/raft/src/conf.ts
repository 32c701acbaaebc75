import { assert, NO_PEER } from '@tinykv/base';
import {
  Changer,
  type ConfigAndProgress,
  enterJointFor,
  isLeaveJoint,
  restoreConfig,
} from './conf-change.js';
import type { Raft } from './raft.js';
import { releasePendingReads } from './read-index.js';
import { broadcastAppend, maybeCommit, maybeSendAppend } from './replication.js';
import type { ConfChange, ConfState } from './types.js';

/** Applies a committed change. It was checked when it was proposed; that it is invalid now is a bug. */
export function applyConfChange(r: Raft, change: ConfChange): ConfState {
  const changer = new Changer(r.tracker, r.log.lastIndex());
  const { autoLeave, joint } = enterJointFor(change);
  const result = isLeaveJoint(change)
    ? changer.leaveJoint()
    : joint
      ? changer.enterJoint(autoLeave, change.changes)
      : changer.simple(change.changes);
  assert(result.ok, () => (result.ok ? '' : result.error));
  return switchToConfig(r, result.value);
}

/** Takes over the configuration of a snapshot or of the storage. */
export function restoreConfState(r: Raft, confState: ConfState): void {
  const result = restoreConfig(r.tracker, r.log.lastIndex(), confState);
  assert(result.ok, () => (result.ok ? '' : result.error));
  const restored = switchToConfig(r, result.value);
  assert(
    sameConfState(restored, confState),
    () => `restored ${JSON.stringify(restored)} of ${JSON.stringify(confState)}`,
  );
}

/** Puts a configuration in force and reacts to the members and quorums that it changes. */
function switchToConfig(r: Raft, next: ConfigAndProgress): ConfState {
  r.tracker.config = next.config;
  r.tracker.progress = next.progress;
  const confState = r.tracker.confState();
  if (r.state !== 'StateLeader') return confState;

  const own = r.tracker.progress.get(r.id);
  if (own === undefined || own.isLearner) {
    // Without the option it leads on until others campaign, so that it can commit its own removal.
    if (r.config.stepDownOnRemoval) r.becomeFollower(r.term, NO_PEER);
    return confState;
  }
  if (confState.voters.length === 0) return confState;

  if (maybeCommit(r)) {
    // A smaller quorum may have committed more.
    releasePendingReads(r);
    broadcastAppend(r);
  } else {
    // New members need not wait for the next heartbeat or proposal.
    r.tracker.visit((id) => {
      if (id !== r.id) maybeSendAppend(r, id, false);
    });
  }
  if (r.leadTransferee !== NO_PEER && !r.tracker.config.voters.ids().has(r.leadTransferee)) {
    r.leadTransferee = NO_PEER;
  }
  return confState;
}

/** Lists of configurations in storage may stand in any order. */
function sameConfState(a: ConfState, b: ConfState): boolean {
  return (
    a.autoLeave === b.autoLeave &&
    sameIds(a.voters, b.voters) &&
    sameIds(a.votersOutgoing, b.votersOutgoing) &&
    sameIds(a.learners, b.learners) &&
    sameIds(a.learnersNext, b.learnersNext)
  );
}

function sameIds(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((id) => b.includes(id));
}
