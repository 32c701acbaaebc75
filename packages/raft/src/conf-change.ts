import { assert, err, type LogIndex, ok, type Result } from '@tinykv/base';
import { Inflights } from './inflights.js';
import { Progress } from './progress.js';
import { JointConfig } from './quorum.js';
import { emptyConfig, ProgressTracker, type TrackerConfig } from './tracker.js';
import type { ConfChange, ConfChangeSingle, ConfState } from './types.js';

/** A configuration with the progress of exactly its members. */
export interface ConfigAndProgress {
  readonly config: TrackerConfig;
  readonly progress: Map<number, Progress>;
}

export type ConfChangeResult = Result<ConfigAndProgress, string>;

/** True for the change that leaves a joint configuration: it is empty but for its context. */
export function isLeaveJoint(change: ConfChange): boolean {
  return change.transition === 'ConfChangeTransitionAuto' && change.changes.length === 0;
}

/**
 * Whether a change needs a joint configuration, and whether the leader then leaves it by itself. One
 * change alone is made at once unless a joint configuration is asked for.
 */
export function enterJointFor(change: ConfChange): {
  readonly autoLeave: boolean;
  readonly joint: boolean;
} {
  if (change.transition === 'ConfChangeTransitionAuto' && change.changes.length <= 1) {
    return { autoLeave: false, joint: false };
  }
  return { autoLeave: change.transition !== 'ConfChangeTransitionJointExplicit', joint: true };
}

/**
 * Computes configurations from changes (Raft dissertation §4; the joint form is etcd/raft's). It never
 * touches the tracker: the caller puts the result in force.
 */
export class Changer {
  readonly #tracker: ProgressTracker;
  readonly #lastIndex: LogIndex;

  constructor(tracker: ProgressTracker, lastIndex: LogIndex) {
    this.#tracker = tracker;
    this.#lastIndex = lastIndex;
  }

  /**
   * Enters a joint configuration: the present voters become the outgoing half, the changes are made
   * to the incoming one. Until it is left, decisions need a majority of both.
   */
  enterJoint(autoLeave: boolean, changes: readonly ConfChangeSingle[]): ConfChangeResult {
    const next = this.#copy();
    const { config } = next;
    if (isJoint(config)) return err('config is already joint');
    if (config.voters.incoming.size === 0) return err("can't make a zero-voter config joint");
    config.voters.outgoing = new Set(config.voters.incoming);
    const refused = this.#apply(next, changes);
    if (refused !== undefined) return err(refused);
    config.autoLeave = autoLeave;
    return checked(next);
  }

  /** Drops the outgoing half; demoted voters become learners, and members of neither half vanish. */
  leaveJoint(): ConfChangeResult {
    const next = this.#copy();
    const { config, progress } = next;
    if (!isJoint(config)) return err("can't leave a non-joint config");
    for (const id of config.learnersNext) {
      config.learners.add(id);
      memberProgress(progress, id).isLearner = true;
    }
    config.learnersNext.clear();
    for (const id of config.voters.outgoing) {
      if (!config.voters.incoming.has(id) && !config.learners.has(id)) progress.delete(id);
    }
    config.voters.outgoing.clear();
    config.autoLeave = false;
    return checked(next);
  }

  /** Changes that add or remove at most one voter: then old and new majorities overlap. */
  simple(changes: readonly ConfChangeSingle[]): ConfChangeResult {
    const next = this.#copy();
    if (isJoint(next.config)) return err("can't apply simple config change in joint config");
    const refused = this.#apply(next, changes);
    if (refused !== undefined) return err(refused);
    const before = this.#tracker.config.voters.incoming;
    if (differences(before, next.config.voters.incoming) > 1) {
      return err('more than one voter changed without entering joint config');
    }
    return checked(next);
  }

  /** Returns why the changes are refused, if they are. */
  #apply(next: ConfigAndProgress, changes: readonly ConfChangeSingle[]): string | undefined {
    for (const { type, nodeId } of changes) {
      // Id 0 voids a change: applications clear the id of one that they refuse when it is applied.
      if (nodeId === 0) continue;
      switch (type) {
        case 'ConfChangeAddNode':
          this.#makeVoter(next, nodeId);
          break;
        case 'ConfChangeAddLearnerNode':
          this.#makeLearner(next, nodeId);
          break;
        case 'ConfChangeRemoveNode':
          remove(next, nodeId);
          break;
        case 'ConfChangeUpdateNode':
          break;
      }
    }
    return next.config.voters.incoming.size === 0 ? 'removed all voters' : undefined;
  }

  #makeVoter({ config, progress }: ConfigAndProgress, id: number): void {
    const known = progress.get(id);
    if (known === undefined) progress.set(id, this.#newProgress(false));
    else known.isLearner = false;
    config.learners.delete(id);
    config.learnersNext.delete(id);
    config.voters.incoming.add(id);
  }

  /**
   * A voter of the outgoing half cannot be a learner yet, as the two must stay disjoint: it waits in
   * `learnersNext` until the joint configuration is left.
   */
  #makeLearner(next: ConfigAndProgress, id: number): void {
    const { config, progress } = next;
    const known = progress.get(id);
    if (known === undefined) {
      config.learners.add(id);
      progress.set(id, this.#newProgress(true));
      return;
    }
    if (known.isLearner) return;
    // The member keeps its progress across the demotion.
    remove(next, id);
    progress.set(id, known);
    if (config.voters.outgoing.has(id)) {
      config.learnersNext.add(id);
    } else {
      known.isLearner = true;
      config.learners.add(id);
    }
  }

  /**
   * A new member is probed from the last index on: it then rejects, and its hint tells what it needs.
   * It counts as active, or else the next check of the quorum could unseat the leader at once.
   */
  #newProgress(isLearner: boolean): Progress {
    const inflights = new Inflights(this.#tracker.maxInflight, this.#tracker.maxInflightBytes);
    const progress = new Progress(0, Math.max(this.#lastIndex, 1), inflights, isLearner);
    progress.recentActive = true;
    return progress;
  }

  #copy(): ConfigAndProgress {
    const { config, progress } = this.#tracker;
    const copy: ConfigAndProgress = {
      config: {
        voters: new JointConfig(config.voters.incoming, config.voters.outgoing),
        autoLeave: config.autoLeave,
        learners: new Set(config.learners),
        learnersNext: new Set(config.learnersNext),
      },
      progress: new Map([...progress].map(([id, member]) => [id, member.clone()])),
    };
    checkInvariants(copy);
    return copy;
  }
}

/**
 * Builds the configuration of a snapshot or of the storage with fresh progress. It is replayed as
 * changes, so that it passes the same checks; a ConfState that no changes lead to gives an error.
 */
export function restoreConfig(
  tracker: ProgressTracker,
  lastIndex: LogIndex,
  confState: ConfState,
): ConfChangeResult {
  const scratch = new ProgressTracker(tracker.maxInflight, tracker.maxInflightBytes);
  let result: ConfChangeResult = ok({ config: emptyConfig(), progress: new Map() });
  const step = (change: (changer: Changer) => ConfChangeResult): void => {
    if (!result.ok) return;
    result = change(new Changer(scratch, lastIndex));
    if (!result.ok) return;
    scratch.config = result.value.config;
    scratch.progress = result.value.progress;
  };

  const { voters, votersOutgoing, learners, learnersNext } = confState;
  const incoming = [
    ...changesTo('ConfChangeRemoveNode', votersOutgoing),
    ...changesTo('ConfChangeAddNode', voters),
    ...changesTo('ConfChangeAddLearnerNode', [...learners, ...learnersNext]),
  ];
  if (votersOutgoing.length === 0) {
    for (const change of incoming) step((changer) => changer.simple([change]));
  } else {
    // The outgoing half is built first, then left behind by entering the joint configuration.
    const outgoing = changesTo('ConfChangeAddNode', votersOutgoing);
    for (const change of outgoing) step((changer) => changer.simple([change]));
    step((changer) => changer.enterJoint(confState.autoLeave, incoming));
  }
  return result;
}

function changesTo(type: ConfChangeSingle['type'], ids: readonly number[]): ConfChangeSingle[] {
  return ids.map((nodeId) => ({ type, nodeId }));
}

function isJoint(config: TrackerConfig): boolean {
  return config.voters.outgoing.size > 0;
}

function remove({ config, progress }: ConfigAndProgress, id: number): void {
  config.voters.incoming.delete(id);
  config.learners.delete(id);
  config.learnersNext.delete(id);
  // A voter of the outgoing half still has a say, so the leader must know its progress.
  if (!config.voters.outgoing.has(id)) progress.delete(id);
}

function differences(a: ReadonlySet<number>, b: ReadonlySet<number>): number {
  let count = 0;
  for (const id of a) if (!b.has(id)) count++;
  for (const id of b) if (!a.has(id)) count++;
  return count;
}

function checked(next: ConfigAndProgress): ConfChangeResult {
  checkInvariants(next);
  return ok(next);
}

function memberProgress(progress: ReadonlyMap<number, Progress>, id: number): Progress {
  const member = progress.get(id);
  assert(member !== undefined, () => `no progress for ${id}`);
  return member;
}

function checkInvariants({ config, progress }: ConfigAndProgress): void {
  const { voters, learners, learnersNext } = config;
  for (const id of voters.ids()) memberProgress(progress, id);
  for (const id of learnersNext) {
    assert(voters.outgoing.has(id), () => `${id} is in learnersNext but not an outgoing voter`);
    assert(!memberProgress(progress, id).isLearner, () => `${id} is in learnersNext and a learner`);
  }
  for (const id of learners) {
    assert(!voters.outgoing.has(id), () => `${id} is a learner and an outgoing voter`);
    assert(!voters.incoming.has(id), () => `${id} is a learner and an incoming voter`);
    assert(memberProgress(progress, id).isLearner, () => `${id} is a learner but not marked so`);
  }
  if (!isJoint(config)) {
    assert(learnersNext.size === 0, 'learnersNext in a configuration that is not joint');
    assert(!config.autoLeave, 'autoLeave in a configuration that is not joint');
  }
}
