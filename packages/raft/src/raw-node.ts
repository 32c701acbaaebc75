import type { LogIndex, PeerId, Result, Term } from '@tinykv/base';
import { assert, err, NO_PEER, ok } from '@tinykv/base';
import { encodeConfChange } from './codec.js';
import { applyConfChange, restoreConfState } from './conf.js';
import { type RaftConfig, validateConfig } from './config.js';
import { isLocalMessage, isLocalTarget, isResponseMessage, makeMessage } from './message.js';
import type { Progress, ProgressState } from './progress.js';
import { Raft } from './raft.js';
import { type RaftError, STEP_LOCAL_MESSAGE, STEP_PEER_NOT_FOUND } from './raft-error.js';
import {
  appliesUnstable,
  encodedBytes,
  hasReady,
  makeReady,
  type ReadyBase,
  responsesToSelf,
} from './ready.js';
import { resumeLoading } from './replication.js';
import { step, tick } from './step.js';
import { describeProgress } from './tracker.js';
import type {
  ConfChange,
  ConfState,
  Entry,
  EntryType,
  HardState,
  Message,
  Ready,
  SoftState,
  StateType,
} from './types.js';

/** What a leader knows of a peer (see Progress). */
export interface ProgressView {
  readonly match: LogIndex;
  readonly next: LogIndex;
  readonly state: ProgressState;
  readonly pendingSnapshot: LogIndex;
  readonly recentActive: boolean;
  readonly isLearner: boolean;
  /** MsgApps on their way. */
  readonly inflight: number;
  readonly paused: boolean;
}

export interface RaftStatus {
  readonly id: PeerId;
  readonly hardState: HardState;
  readonly softState: SoftState;
  readonly applied: LogIndex;
  readonly confState: ConfState;
  /** Empty unless this node leads. */
  readonly progress: ReadonlyMap<PeerId, ProgressView>;
}

/**
 * One node of one Raft group: a value that is stepped by messages and ticks and tells by `ready` what
 * is to be done. It touches neither disk nor network nor clock.
 *
 * Synchronous use: `ready`; write hard state, snapshot and entries; send `messages`; apply
 * `committedEntries`; `advance`. Asynchronous use (`asyncStorageWrites`): deliver all `messages`, those
 * to the two local threads in order and with their `responses` after the work; never `advance`.
 */
export class RawNode {
  readonly #raft: Raft;
  #last: ReadyBase;
  /** What `advance` steps: the answers to the Ready that is being handled. */
  #stepsOnAdvance: Message[] = [];

  constructor(config: RaftConfig) {
    validateConfig(config);
    const raft = new Raft(config);
    const { hardState, confState } = config.storage.initialState();
    restoreConfState(raft, confState);
    raft.recover(hardState, config.applied);
    raft.becomeFollower(raft.term, NO_PEER);
    this.#raft = raft;
    this.#last = { softState: raft.softState, hardState: raft.hardState };
  }

  get id(): PeerId {
    return this.#raft.id;
  }

  get term(): Term {
    return this.#raft.term;
  }

  get vote(): PeerId {
    return this.#raft.vote;
  }

  /** 0 when no leader is known. */
  get lead(): PeerId {
    return this.#raft.lead;
  }

  get state(): StateType {
    return this.#raft.state;
  }

  get committed(): LogIndex {
    return this.#raft.log.committed;
  }

  get applied(): LogIndex {
    return this.#raft.log.applied;
  }

  get lastIndex(): LogIndex {
    return this.#raft.log.lastIndex();
  }

  get leadTransferee(): PeerId {
    return this.#raft.leadTransferee;
  }

  get pendingConfIndex(): LogIndex {
    return this.#raft.pendingConfIndex;
  }

  get uncommittedBytes(): number {
    return this.#raft.uncommittedBytes;
  }

  tick(): void {
    tick(this.#raft);
  }

  campaign(): Result<void, RaftError> {
    return this.#stepLocal({ type: 'MsgHup' });
  }

  /** The index of the appended entry, or 0 when the proposal was forwarded to the leader. */
  propose(data: Uint8Array): Result<LogIndex, RaftError> {
    return this.#propose('EntryNormal', data);
  }

  /**
   * As `propose`. A leader that finds the change out of order (another is pending, or a joint
   * configuration must be left first) appends an empty entry instead.
   */
  proposeConfChange(change: ConfChange, v1 = false): Result<LogIndex, RaftError> {
    return this.#propose(v1 ? 'EntryConfChange' : 'EntryConfChangeV2', encodeConfChange(change));
  }

  /** To be called for each configuration change that is applied, unless the application rejects it. */
  applyConfChange(change: ConfChange): ConfState {
    return applyConfChange(this.#raft, change);
  }

  /** Takes a message of the network, or a response of the own storage. */
  step(m: Message): Result<void, RaftError> {
    const ofStorage = isLocalTarget(m.from);
    if (isLocalMessage(m.type) && !ofStorage) return err(STEP_LOCAL_MESSAGE);
    if (isResponseMessage(m.type) && !ofStorage && !this.#raft.tracker.progress.has(m.from)) {
      return err(STEP_PEER_NOT_FOUND);
    }
    return asResult(step(this.#raft, m));
  }

  hasReady(): boolean {
    return hasReady(this.#raft, this.#last);
  }

  /** Hands the outstanding work out; the caller must do all of it. */
  ready(): Ready {
    const raft = this.#raft;
    const ready = makeReady(raft, this.#last);
    this.#last = {
      softState: ready.softState ?? this.#last.softState,
      hardState: ready.hardState ?? this.#last.hardState,
    };
    if (!raft.config.asyncStorageWrites) {
      assert(this.#stepsOnAdvance.length === 0, 'two Readies without advance between them');
      this.#stepsOnAdvance = responsesToSelf(raft, ready);
    }
    raft.messages = [];
    raft.messagesAfterAppend = [];
    raft.readStates = [];
    raft.log.acceptUnstable();
    const last = ready.committedEntries.at(-1);
    if (last !== undefined) {
      const bytes = encodedBytes(ready.committedEntries);
      raft.log.acceptApplying(last.index, bytes, appliesUnstable(raft));
    }
    return ready;
  }

  /** Synchronous use only: all work of the last Ready is done. */
  advance(): void {
    assert(!this.#raft.config.asyncStorageWrites, 'advance with asynchronous storage writes');
    const steps = this.#stepsOnAdvance;
    this.#stepsOnAdvance = [];
    for (const m of steps) step(this.#raft, m);
  }

  /** A later Ready brings a ReadState with this context, or none if the leader changes. */
  readIndex(context: Uint8Array): void {
    step(this.#raft, makeMessage({ type: 'MsgReadIndex', context }));
  }

  transferLeader(to: PeerId): void {
    step(this.#raft, makeMessage({ type: 'MsgTransferLeader', from: to }));
  }

  /** A follower forgets its leader and may vote for another at once; its election timeout runs on. */
  forgetLeader(): Result<void, RaftError> {
    return this.#stepLocal({ type: 'MsgForgetLeader' });
  }

  /** A message to `id` could not be sent. */
  reportUnreachable(id: PeerId): void {
    step(this.#raft, makeMessage({ type: 'MsgUnreachable', from: id }));
  }

  /** What became of the snapshot sent to `id`. To be called in any case: until then nothing is sent to it. */
  reportSnapshot(id: PeerId, outcome: 'finish' | 'failure'): void {
    const reject = outcome === 'failure';
    step(this.#raft, makeMessage({ type: 'MsgSnapStatus', from: id, reject }));
  }

  /** Entries that the storage answered as 'loading' can now be read. */
  entriesLoaded(): void {
    this.#raft.log.entriesLoaded();
    resumeLoading(this.#raft);
  }

  /** Proof from outside that an entry is committed; true when the log has it and did not know. */
  learnCommitted(index: LogIndex, term: Term): boolean {
    return this.#raft.log.maybeCommit(index, term);
  }

  progressOf(id: PeerId): ProgressView | undefined {
    const progress = this.#raft.tracker.progress.get(id);
    return progress && viewOf(progress);
  }

  status(): RaftStatus {
    const raft = this.#raft;
    const progress = new Map<PeerId, ProgressView>();
    if (raft.state === 'StateLeader') raft.tracker.visit((id, pr) => progress.set(id, viewOf(pr)));
    return {
      id: raft.id,
      hardState: raft.hardState,
      softState: raft.softState,
      applied: raft.log.applied,
      confState: raft.tracker.confState(),
      progress,
    };
  }

  /** The progress table for logs: one line per peer, empty unless this node leads. */
  describeProgress(): string {
    return this.#raft.state === 'StateLeader' ? describeProgress(this.#raft.tracker.progress) : '';
  }

  /** For tests that must know when a node campaigns. Holds until the next change of role or term. */
  setRandomizedElectionTimeout(ticks: number): void {
    this.#raft.randomizedElectionTimeout = ticks;
  }

  #propose(type: EntryType, data: Uint8Array): Result<LogIndex, RaftError> {
    const entry: Entry = { term: 0, index: 0, type, data };
    const from = this.#raft.id;
    const error = step(this.#raft, makeMessage({ type: 'MsgProp', from, entries: [entry] }));
    if (error !== undefined) return err(error);
    return ok(this.#raft.state === 'StateLeader' ? this.#raft.log.lastIndex() : 0);
  }

  #stepLocal(fields: Pick<Message, 'type'>): Result<void, RaftError> {
    return asResult(step(this.#raft, makeMessage({ ...fields, from: this.#raft.id })));
  }
}

function asResult(error: RaftError | undefined): Result<void, RaftError> {
  return error === undefined ? ok(undefined) : err(error);
}

function viewOf(progress: Progress): ProgressView {
  return {
    match: progress.match,
    next: progress.next,
    state: progress.state,
    pendingSnapshot: progress.pendingSnapshot,
    recentActive: progress.recentActive,
    isLearner: progress.isLearner,
    inflight: progress.inflights.count(),
    paused: progress.isPaused(),
  };
}
