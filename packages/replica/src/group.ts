import {
  assert,
  type Env,
  type LogIndex,
  limits,
  MemoryBudget,
  type PeerId,
  type Term,
} from '@tinykv/base';
import {
  type ConfChange,
  type ConfState,
  type Entry,
  type LogPosition,
  type Message,
  RawNode,
  type Snapshot,
} from '@tinykv/raft';
import { type ReplicaConfig, SNAPSHOT_LOG_KEEP_MS } from './config.js';
import type { GroupInit } from './group-init.js';
import { GroupStorage } from './group-storage.js';
import { Inbox } from './inbox.js';
import { KeptLog } from './kept-log.js';
import { Lease, leaseMs, stampContext, unstampContext } from './lease.js';
import { LeaseVoids, removesVoter } from './lease-voids.js';
import { ReadGate } from './read-gate.js';
import { type Replication, replicationOf } from './replication.js';
import { isFromLeader, VotePromise } from './vote-promise.js';

interface Announced {
  readonly state: RawNode['state'] | undefined;
  readonly lead: PeerId;
  readonly term: Term;
}

/** Ticks between two looks at what a cache need not keep. */
const TRIM_TICKS = 10;

/** What the owner of groups offers them. */
export interface GroupOwner {
  readonly env: Env;
  readonly config: ReplicaConfig;
  /** What all groups hold in memory; by default each has one of its own. */
  readonly budget?: MemoryBudget;
  touch(group: Group): void;
  makeSnapshot(group: Group): Snapshot | undefined;
  /** See StateMachine.voidsLease. */
  voidsLease(entry: Entry): boolean;
  damaged(group: Group, reason: string): void;
  /** See {@link Group.readOnly}. */
  readOnly(): string | undefined;
}

/** Election timeouts for which a follower that catches up may be silent: its store may be busy installing a snapshot. */
const GONE_AFTER_ELECTIONS = 30;

/** One Raft group of this process: the core, its stable log, what waits for it, and its read gate. */
export class Group {
  readonly id: number;
  readonly peerId: PeerId;
  readonly node: RawNode;
  readonly storage: GroupStorage;
  readonly reads: ReadGate;
  readonly budget: MemoryBudget;
  readonly #lease: Lease;
  readonly #leaseVoids = new LeaseVoids();
  readonly #promise: VotePromise;
  readonly #voidsLease: (entry: Entry) => boolean;
  readonly #keptLog: KeptLog;
  readonly #owner: GroupOwner;
  readonly #inbox: Inbox;
  readonly #electionMs: number;
  #ticks = 0;
  #confState: ConfState;
  /** Applied and readable. Invariant: durableApplied ≤ applied ≤ node.committed. */
  #applied: LogIndex;
  /** Covered by a barrier; what the log records of it may lag. */
  durableApplied: LogIndex;
  /** Every member has the entries up to here, as the leader last said. */
  #replicated: LogIndex = 0;
  #appliedTerm = 0;
  /** In the loop's list of groups that this turn must look at. */
  touched = false;
  destroyed = false;
  /** When each peer last answered this one, and since when this one leads. */
  readonly #heard = new Map<PeerId, number>();
  #leadsSince = Number.NEGATIVE_INFINITY;
  /** The last role and leader that the state machine was told of. */
  #announced: Announced = { state: undefined, lead: 0, term: 0 };

  constructor(owner: GroupOwner, init: GroupInit) {
    const { env, config } = owner;
    this.#owner = owner;
    this.id = init.id;
    this.peerId = init.peerId;
    this.#confState = init.confState;
    this.#applied = init.state.durableApplied;
    this.durableApplied = init.state.durableApplied;
    this.budget = owner.budget ?? new MemoryBudget(limits.storeMemoryBytesMax);
    this.#inbox = new Inbox(this.budget, env.clock);
    const makeSnapshot = (): Snapshot | undefined => owner.makeSnapshot(this);
    this.storage = new GroupStorage(init.state, init.confState, makeSnapshot, this.budget);
    const rng = env.rng.fork(`raft-${init.id}-${init.peerId}`);
    this.reads = new ReadGate(rng.bytes(8));
    this.#electionMs = config.electionTicks * config.tickMs;
    this.#keptLog = new KeptLog(config.snapshotLogKeepMs ?? SNAPSHOT_LOG_KEEP_MS);
    this.#lease = new Lease(leaseMs(config.electionTicks, config.tickMs));
    this.#promise = new VotePromise(
      this.#electionMs,
      init.promisedUntil ?? Number.NEGATIVE_INFINITY,
    );
    if (init.recovered) this.#promise.heardLeader(env.clock.mono());
    this.#voidsLease = (entry) =>
      owner.voidsLease(entry) || removesVoter(entry, this.peerId, this.#confState);
    this.node = new RawNode({
      id: init.peerId,
      electionTicks: config.electionTicks,
      heartbeatTicks: config.heartbeatTicks,
      storage: this.storage,
      applied: init.state.durableApplied,
      asyncStorageWrites: true,
      maxBytesPerMessage: config.messageBytesMax ?? limits.raftMessageBytesMax,
      maxCommittedBytesPerReady: limits.applyBatchBytesMax,
      maxUncommittedBytes: limits.raftUncommittedBytesMax,
      maxInflightMessages: limits.raftInflightMessagesMax,
      maxInflightBytes: limits.raftInflightBytesMax,
      checkQuorum: true,
      preVote: true,
      readOnly: 'safe',
      disableProposalForwarding: true,
      disableConfChangeValidation: false,
      stepDownOnRemoval: true,
      rng,
    });
  }

  get applied(): LogIndex {
    return this.#applied;
  }

  get confState(): ConfState {
    return this.#confState;
  }

  get isLeader(): boolean {
    return this.node.state === 'StateLeader';
  }

  /** A leader that has applied an entry of its own term knows all that was ever committed. */
  get appliedOwnTerm(): boolean {
    return this.isLeader && this.#appliedTerm === this.node.term;
  }

  /** Takes a message from another process; drops it when the inbox is full, as a network would. */
  receive(message: Message): void {
    if (!this.destroyed && this.#inbox.receive(message)) this.#owner.touch(this);
  }

  /** Why nothing may be proposed at present, or undefined: what is proposed could not be kept. */
  get readOnly(): string | undefined {
    return this.#owner.readOnly();
  }

  tick(): void {
    this.#ticks++;
    // A leader that can keep nothing serves reads; to become one would only keep better ones from it.
    if (this.isLeader || this.readOnly === undefined) this.node.tick();
    if (this.budget.isTight) this.storage.evict(this.#applied);
    else if ((this.#ticks + this.id) % TRIM_TICKS === 0) this.#trimCache();
    this.#owner.touch(this);
  }

  /** Applied entries stay in memory for those who answer and do not have them yet. */
  #trimCache(): void {
    let index = this.#applied;
    if (this.isLeader && this.storage.caches(index)) {
      index = Math.min(index, this.replication().active);
    }
    this.storage.trim(index);
  }

  /** Up to where all members have the log, and up to where those have it that answer; of a leader. */
  replication(): Replication {
    const { progress } = this.node.status();
    const answers = (id: PeerId): boolean => id === this.peerId || this.isActive(id);
    return replicationOf(progress, this.#applied, answers);
  }

  /** Every member has the entries up to here, as the leader last said. */
  get replicated(): LogIndex {
    return this.#replicated;
  }

  /** A leader has found, or has told, that every member has the entries up to here. */
  learnReplicated(index: LogIndex): void {
    this.#replicated = Math.max(this.#replicated, index);
  }

  touch(): void {
    this.#owner.touch(this);
  }

  /** Steps what the inbox holds. Refusals of the core (unknown peers, stale terms) are normal here. */
  stepInbox(): void {
    if (this.#inbox.isEmpty) return;
    const now = this.#owner.env.clock.mono();
    for (const message of this.#inbox.take()) this.#stepReceived(message, now);
  }

  #stepReceived(message: Message, now: number): void {
    const { type, from } = message;
    if (type === 'MsgHeartbeatResp' || type === 'MsgAppResp') this.#heard.set(from, now);
    if (this.#promise.forbids(message, now)) return;
    if (isFromLeader(message) && message.term >= this.node.term) this.#promise.heardLeader(now);
    if (type === 'MsgTimeoutNow' && this.readOnly !== undefined) return;
    if (message.type !== 'MsgHeartbeatResp') {
      const result = this.node.step(message);
      if (!result.ok && result.error.code === 'log-tail-lost') {
        const { commit } = message;
        const lost = `entries up to ${commit} were acknowledged, the log ends at ${this.node.lastIndex}`;
        this.#owner.damaged(this, lost);
      }
      return;
    }
    const stamp = unstampContext(message.context);
    if (stamp === undefined) return;
    if (this.isLeader) {
      const { sentAt } = stamp;
      const { from, term } = message;
      this.#lease.onAck(from, term, sentAt, this.peerId, this.#confState, this.#leaseNow());
    }
    this.node.step({ ...message, context: stamp.context });
  }

  /** Prepares a message for the network: heartbeats get their stamp, a leader transfer ends the lease. */
  outgoing(message: Message): Message {
    if (message.type === 'MsgTimeoutNow') this.#lease.suspend();
    if (message.type !== 'MsgHeartbeat') return message;
    return { ...message, context: stampContext(message.context, this.#leaseNow()) };
  }

  #leaseNow(): number {
    return this.#owner.env.clock.mono();
  }

  /** True while reads of the applied state are linearizable without asking a quorum. */
  leaseValid(): boolean {
    if (!this.appliedOwnTerm || this.#leaseVoids.isVoid(this.node.committed)) return false;
    return this.#lease.valid(this.#leaseNow(), this.peerId, this.#confState);
  }

  /** Until when (monotonic ms) this peer neither votes nor campaigns. */
  get promisedUntil(): number {
    return this.#promise.until;
  }

  /** Stands for election at once, unless that would break a promise. */
  campaign(): void {
    if (this.#promise.holds(this.#owner.env.clock.mono())) return;
    this.node.campaign();
    this.touch();
  }

  /** The core hands a storage append out: nobody else has seen its entries yet. */
  onAppending({ snapshot, entries }: Message): void {
    this.storage.writing(entries);
    if (snapshot !== undefined) this.#leaseVoids.onSnapshot();
    this.#leaseVoids.onAppend(entries, this.#voidsLease);
  }

  /** Another replica has applied this entry: where the log has the same one, it is committed. */
  learnCommitted({ index, term }: LogPosition): void {
    if (!this.destroyed && this.node.learnCommitted(index, term)) this.touch();
  }

  /**
   * Sends one read index request for all reads that wait. A leader that has been stopped, or cut off, for longer than
   * an election takes has most likely been replaced: it lets nobody wait until it hears of that.
   */
  askReadIndex(): void {
    if (!this.reads.unconfirmed) return;
    if (!this.isLeader) this.reads.refuseAll('not-leader');
    else if (this.#isLeaseLongOver()) this.reads.refuseUnconfirmed('lease-over');
    else if (this.reads.waiting) this.node.readIndex(this.reads.ask());
  }

  #isLeaseLongOver(): boolean {
    const times = { ledSince: this.#leadsSince, graceMs: this.#electionMs };
    return this.#lease.isLongOver(this.#leaseNow(), this.peerId, this.#confState, times);
  }

  /** Follows a change of role; true when there is one to announce. */
  updateRole(): boolean {
    const { node } = this;
    const { state, lead, term } = node;
    const last = this.#announced;
    if (last.state === state && last.lead === lead && last.term === term) return false;
    const wasLeader = last.state === 'StateLeader';
    this.#announced = { state, lead, term };
    if (this.isLeader) {
      this.#lease.begin(node.term);
      if (!wasLeader) this.#leadsSince = this.#owner.env.clock.mono();
    } else {
      this.#lease.end();
      this.#keptLog.clear();
    }
    if (wasLeader) this.reads.refuseAll('not-leader');
    return true;
  }

  /** A snapshot at `index` is on its way to a peer, or has just arrived there. */
  keepLogBehind(id: PeerId, index: LogIndex): void {
    if (this.isLeader) this.#keptLog.keep(id, index, this.#owner.env.clock.mono());
  }

  /** The snapshot did not arrive. */
  releaseLog(id: PeerId): void {
    this.#keptLog.release(id);
  }

  /** The last entry that may be truncated for the sake of followers with a snapshot; see KeptLog. */
  truncationBound(level: LogIndex): LogIndex {
    const { env, config } = this.#owner;
    const silentMs = GONE_AFTER_ELECTIONS * config.electionTicks * config.tickMs;
    return this.#keptLog.bound(env.clock.mono(), level, (id) =>
      this.silentMs(id) > silentMs ? undefined : this.node.progressOf(id)?.match,
    );
  }

  /**
   * Milliseconds for which a peer has not answered its leader. The core's `recentActive` is no measure: it
   * begins anew at each check of the quorum.
   */
  silentMs(id: PeerId): number {
    const heardAt = this.#heard.get(id) ?? Number.NEGATIVE_INFINITY;
    return this.#owner.env.clock.mono() - Math.max(heardAt, this.#leadsSince);
  }

  /** Whether a peer has answered its leader within an election timeout. */
  isActive(id: PeerId): boolean {
    const { electionTicks, tickMs } = this.#owner.config;
    return this.silentMs(id) <= electionTicks * tickMs;
  }

  /** Entries up to `index` are readable. */
  onApplied(index: LogIndex, term: number): void {
    assert(
      index > this.#applied,
      () => `group ${this.id}: applied ${index} after ${this.#applied}`,
    );
    this.#applied = index;
    this.#appliedTerm = term;
    this.#leaseVoids.onApplied(index);
    this.storage.evict(index);
    this.reads.onApplied(index);
  }

  /** A snapshot took the place of the state and the log. */
  onSnapshot(snapshot: Snapshot): void {
    const { index, term, confState } = snapshot.metadata;
    this.storage.reset({ index, term }, confState);
    this.#confState = confState;
    this.#applied = index;
    this.#appliedTerm = term;
    this.durableApplied = index;
    this.reads.onApplied(index);
  }

  applyConfChange(change: ConfChange): ConfState {
    this.#confState = this.node.applyConfChange(change);
    this.storage.setConfState(this.#confState);
    this.#lease.reconfigure(this.peerId, this.#confState, this.#leaseNow());
    // The members that should confirm may be gone. A single voter that is asked again answers itself.
    this.reads.askAgain();
    this.touch();
    return this.#confState;
  }

  destroy(): void {
    this.destroyed = true;
    this.#inbox.take();
    this.storage.release();
    this.reads.refuseAll('destroyed');
  }
}
