import {
  assert,
  type Env,
  type FailPoint,
  KvError,
  type LogIndex,
  limits,
  type Term,
} from '@tinykv/base';
import type { ConfState, Entry, RaftLog, RecoveredGroup } from '@tinykv/raft';
import {
  type ApplyWork,
  type Group,
  type Outbound,
  Proposals,
  type ReplicaConfig,
  ReplicaLoop,
  recoveredState,
  type StateMachine,
} from '@tinykv/replica';
import { type Command, decodeCommand, encodeCommand } from './command.js';
import { type Outcome, SchedulerState } from './state.js';
import { readStateFile, type StoredState, writeStateFile } from './state-file.js';
import { outcomeUnknown, type StateGroup } from './state-group.js';

const GROUP_ID = 1;
const PEER_ID = 1;
const ONE_MEMBER: ConfState = {
  voters: [PEER_ID],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};
/** Where the log of a new group begins: after a state that holds nothing. */
const BEGINNING = { index: 1, term: 1 };
const READ_BYTES = 4_194_304;

export const schedulerReplicaConfig: ReplicaConfig = {
  tickMs: 100,
  electionTicks: 10,
  heartbeatTicks: 2,
  barrierIntervalMs: 10_000,
  barrierBytes: 1_048_576,
  logGcIntervalMs: 10_000,
  logGcEntries: 100,
};

export interface RaftGroupParts {
  readonly log: RaftLog;
  /** The log or the state file failed, or an invariant broke: the process must stop. */
  fatal(error: unknown): void;
}

/** Fail points between the durable entry of a command and its answer. */
const BEFORE_ANSWER: Readonly<Record<Command['type'] | 'none', FailPoint>> = {
  none: 'scheduler-leads-before-answers',
  'name-cluster': 'scheduler-cluster-named',
  bootstrap: 'scheduler-bootstrapped',
  'put-store': 'scheduler-store-put',
  'set-store-state': 'scheduler-store-state-set',
  'set-max-peer-count': 'scheduler-other-command',
  'reserve-ids': 'scheduler-ids-reserved',
  'save-tso': 'scheduler-tso-saved',
  'raise-gc-safe-point': 'scheduler-gc-safe-point-raised',
  'raise-gc-resolved': 'scheduler-gc-resolved',
  'set-gc-service': 'scheduler-other-command',
  'remove-gc-service': 'scheduler-other-command',
  'expire-gc-services': 'scheduler-other-command',
  'set-gc': 'scheduler-other-command',
  'note-silence': 'scheduler-other-command',
};

interface Proposal {
  readonly bytes: Uint8Array;
  resolve(outcome: Outcome): void;
  reject(error: KvError): void;
}

/**
 * The state on a Raft group of one member. What is applied lives in memory; the log is its write-ahead
 * log, and now and then the whole (small) state goes to a file, after which the log may forget.
 */
export class RaftGroup implements StateGroup, StateMachine {
  readonly state: SchedulerState;
  readonly #env: Env;
  readonly #fatal: (error: unknown) => void;
  readonly #loop: ReplicaLoop;
  readonly #group: Group;
  /** The last entry in `state`. */
  #applied: { readonly index: LogIndex; readonly term: Term };
  #pending: Proposal[] = [];
  /** Proposed and not yet applied. */
  readonly #proposals = new Proposals<Proposal>({
    replaced: (proposals) => {
      for (const { reject } of proposals) reject(notLeader());
    },
    unknown: (proposals, why) => {
      for (const { reject } of proposals) reject(outcomeUnknown(why));
    },
  });
  readonly #listeners: (() => void)[] = [];
  #announcedTerm: Term | undefined;
  #isStopped = false;

  /** Recovers what the log and the state file hold, or begins a new group. Rejects with KvError DATA_LOSS. */
  static async open(
    env: Env,
    parts: RaftGroupParts,
    config: ReplicaConfig = schedulerReplicaConfig,
  ): Promise<RaftGroup> {
    const recovered = (await parts.log.open()).find(({ group }) => group === GROUP_ID);
    const stored = (await readStateFile(env.fs)) ?? (await createState(env, recovered));
    const log = recovered ?? (await createLog(env, parts.log, stored));
    checkWhole(log, stored);
    const entries: Entry[] = [];
    const first = stored.index + 1;
    while (first + entries.length <= log.lastIndex) {
      const next = first + entries.length;
      entries.push(...(await parts.log.read(GROUP_ID, next, log.lastIndex + 1, READ_BYTES)));
    }
    return new RaftGroup(env, parts, config, log, stored, entries);
  }

  private constructor(
    env: Env,
    parts: RaftGroupParts,
    config: ReplicaConfig,
    log: RecoveredGroup,
    stored: StoredState,
    entries: readonly Entry[],
  ) {
    this.#env = env;
    this.#fatal = parts.fatal;
    this.state = stored.state;
    this.#applied = stored;
    this.#loop = new ReplicaLoop(env, parts.log, this, config);
    this.#group = this.#loop.addGroup({
      id: GROUP_ID,
      peerId: PEER_ID,
      state: recoveredState(log, stored.index),
      confState: ONE_MEMBER,
      recovered: true,
    });
    this.#group.storage.preload(entries);
  }

  start(): void {
    // The only voter need not wait for an election timeout.
    this.#env.faults.hit('scheduler-before-campaign');
    const result = this.#group.node.campaign();
    assert(result.ok, 'the only member cannot campaign');
    this.#group.touch();
    this.#loop.start();
  }

  /** Stops the loop and stores the state, so that the next start has little to replay. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#abandon();
    await this.#loop.stop();
    await this.barrier();
  }

  leaderTerm(): Term | undefined {
    return this.#group.appliedOwnTerm && !this.#isStopped ? this.#group.node.term : undefined;
  }

  leaseValid(): boolean {
    return this.#group.leaseValid() && !this.#isStopped;
  }

  propose(command: Command): Promise<Outcome> {
    if (this.leaderTerm() === undefined) return Promise.reject(notLeader());
    const { readOnly } = this.#group;
    if (readOnly !== undefined) return Promise.reject(new KvError('RESOURCE_EXHAUSTED', readOnly));
    if (this.#pending.length >= limits.regionPendingCommandsMax) {
      return Promise.reject(new KvError('RESOURCE_EXHAUSTED', 'too many proposals wait'));
    }
    return new Promise((resolve, reject) => {
      this.#pending.push({ bytes: encodeCommand(command), resolve, reject });
      this.#group.touch();
    });
  }

  onLeadership(listener: () => void): void {
    this.#listeners.push(listener);
  }

  proposePending(group: Group): void {
    this.#announce();
    const pending = this.#pending;
    this.#pending = [];
    for (const proposal of pending) {
      const result = group.node.propose(proposal.bytes);
      if (result.ok) this.#proposals.track(result.value, group.node.term, [proposal]);
      else proposal.reject(notLeader());
    }
  }

  async apply(work: readonly ApplyWork[]): Promise<void> {
    for (const { entries } of work) for (const entry of entries) this.#apply(entry);
  }

  #apply(entry: Entry): void {
    const { index, term } = entry;
    assert(index === this.#applied.index + 1, () => `entry ${index} after ${this.#applied.index}`);
    this.#applied = { index, term };
    const proposals = this.#proposals.take(index, term);
    // A new leader's first entry is empty.
    const command = entry.data.length > 0 ? decodeCommand(entry.data) : undefined;
    const outcome = command === undefined ? 'done' : this.state.apply(command);
    this.#env.faults.hit(BEFORE_ANSWER[command?.type ?? 'none']);
    for (const { resolve } of proposals) resolve(outcome);
  }

  roleChanged(group: Group): void {
    this.#env.logger.info('raft role', { role: group.node.state, term: group.node.term });
    const { term, committed } = group.node;
    this.#proposals.release(group.isLeader ? term : undefined, committed);
    if (!group.isLeader) this.#refusePending();
    this.#announce();
  }

  /** These are in no log. */
  #refusePending(): void {
    for (const { reject } of this.#pending.splice(0)) reject(notLeader());
  }

  #abandon(): void {
    this.#refusePending();
    this.#proposals.abandon('the member stops');
  }

  #announce(): void {
    const term = this.leaderTerm();
    if (term === this.#announcedTerm) return;
    this.#announcedTerm = term;
    for (const listener of this.#listeners) this.#env.clock.defer(listener);
  }

  async barrier(): Promise<void> {
    this.#env.faults.hit('scheduler-before-state-file');
    await writeStateFile(this.#env.fs, { ...this.#applied, state: this.state });
    this.#env.faults.hit('scheduler-after-state-file');
  }

  fatal(error: unknown): void {
    this.#isStopped = true;
    this.#abandon();
    this.#fatal(error);
  }

  // A group of one member has nobody to send to or to get snapshots from, and never changes.

  send(messages: readonly Outbound[]): void {
    assert(messages.length === 0, () => `a message to peer ${messages[0]?.message.to}`);
  }

  isFenced(entry: Entry): boolean {
    return entry.type !== 'EntryNormal';
  }

  voidsLease(): boolean {
    return false;
  }

  async applyFenced(_group: Group, entry: Entry): Promise<void> {
    assert(false, `a change of the only member at ${entry.index}`);
  }

  damaged(_group: Group, reason: string): void {
    assert(false, `the only member: ${reason}`);
  }

  async installSnapshot(): Promise<void> {
    assert(false, 'a snapshot for the only member');
  }

  async finishSnapshot(): Promise<void> {
    assert(false, 'a snapshot for the only member');
  }

  makeSnapshot(): undefined {
    return undefined;
  }
}

function notLeader(): KvError {
  return new KvError('UNAVAILABLE', 'not leader');
}

/** The file comes before the log: a log without it is one that lost it. */
async function createState(env: Env, recovered: RecoveredGroup | undefined): Promise<StoredState> {
  if (recovered !== undefined && recovered.truncated.index > BEGINNING.index) {
    throw new KvError('DATA_LOSS', 'the state file is lost and the log no longer holds it all');
  }
  const stored = { ...BEGINNING, state: new SchedulerState() };
  await writeStateFile(env.fs, stored);
  return stored;
}

async function createLog(env: Env, log: RaftLog, stored: StoredState): Promise<RecoveredGroup> {
  if (stored.index !== BEGINNING.index) throw new KvError('DATA_LOSS', 'the raft log is lost');
  const { index, term } = BEGINNING;
  const hardState = { term, vote: 0, commit: index };
  const update = { group: GROUP_ID, reset: BEGINNING, hardState, durableApplied: index };
  env.faults.hit('scheduler-before-first-log');
  await log.append([update]);
  env.faults.hit('scheduler-first-log');
  return {
    group: GROUP_ID,
    hardState,
    truncated: BEGINNING,
    lastIndex: index,
    durableApplied: index,
    termRuns: [],
  };
}

function checkWhole(log: RecoveredGroup, stored: StoredState): void {
  if (log.truncated.index <= stored.index && stored.index <= log.lastIndex) return;
  const range = `${log.truncated.index}..${log.lastIndex}`;
  throw new KvError('DATA_LOSS', `state of entry ${stored.index}, but a log of ${range}`);
}
