import { assert, type LogIndex, limits, MemoryBudget, type PeerId, type Term } from '@tinykv/base';
import {
  type ConfChange,
  type ConfState,
  type LogPosition,
  type Message,
  RawNode,
  type Snapshot,
} from '@tinykv/raft';
import { coreConfig } from './core-config.js';
import { LogMarks } from './entry-marks.js';
import type { GroupInit } from './group-init.js';
import type { GroupOwner } from './group-owner.js';
import { GroupStorage } from './group-storage.js';
import { HeldCommits } from './held-commits.js';
import { Inbox } from './inbox.js';
import { Leadership } from './leadership.js';
import { removesVoter, stampContext, unstampContext } from './lease.js';
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

/** One Raft group of this process: the core, its stable log, what waits for it, and its read gate. */
export class Group {
  readonly id: number;
  readonly peerId: PeerId;
  readonly node: RawNode;
  readonly storage: GroupStorage;
  readonly reads: ReadGate;
  readonly budget: MemoryBudget;
  readonly #leadership: Leadership;
  readonly #marks: LogMarks;
  /** Commit indexes that this leader has yet to tell. */
  readonly held: HeldCommits = new HeldCommits();
  readonly #promise: VotePromise;
  readonly #owner: GroupOwner<Group>;
  readonly #inbox: Inbox;
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
  /** The last role and leader that the state machine was told of. */
  #announced: Announced = { state: undefined, lead: 0, term: 0 };

  constructor(owner: GroupOwner<Group>, init: GroupInit) {
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
    this.#leadership = new Leadership(init.peerId, config);
    this.#promise = new VotePromise(
      config.electionTicks * config.tickMs,
      init.promisedUntil ?? Number.NEGATIVE_INFINITY,
    );
    if (init.recovered) this.#promise.heardLeader(env.clock.mono());
    this.#marks = new LogMarks({
      voidsLease: (entry) =>
        owner.voidsLease(entry) || removesVoter(entry, this.peerId, this.#confState),
      isChange: (entry) => owner.isFenced(entry),
    });
    this.node = new RawNode(coreConfig(init, config, this.storage, rng));
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
    if (type === 'MsgHeartbeatResp' || type === 'MsgAppResp') this.#leadership.hear(from, now);
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
      this.#leadership.onAck(from, term, sentAt, this.#confState, this.#leaseNow());
    }
    this.node.step({ ...message, context: stamp.context });
  }

  /** Prepares a message for the network: heartbeats get their stamp, a leader transfer ends the lease. */
  outgoing(message: Message): Message {
    if (message.type === 'MsgTimeoutNow') this.#leadership.suspendLease();
    if (message.type !== 'MsgHeartbeat') return message;
    return { ...message, context: stampContext(message.context, this.#leaseNow()) };
  }

  /**
   * Whether the message tells nothing but a commit index that its follower can do without for a while. A follower
   * that is probed waits for the message itself. Those who take over need to know at once: of changes of the group
   * itself, whose children and new voters wait for them; of the commits before this leader's term; and the one to
   * whom the leadership goes.
   */
  mayWait({ type, to, entries, commit }: Message): boolean {
    if (type !== 'MsgApp' || entries.length > 0 || !this.appliedOwnTerm) return false;
    if (this.#marks.changes.hasCommitted(commit) || this.node.leadTransferee !== 0) return false;
    return this.node.progressOf(to)?.state === 'StateReplicate';
  }

  #leaseNow(): number {
    return this.#owner.env.clock.mono();
  }

  /** True while reads of the applied state are linearizable without asking a quorum. */
  leaseValid(): boolean {
    if (!this.appliedOwnTerm || this.#marks.voids.hasCommitted(this.node.committed)) return false;
    return this.#leadership.leaseValid(this.#leaseNow(), this.#confState);
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
    if (snapshot !== undefined) this.#marks.onSnapshot();
    this.#marks.onAppend(entries);
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
    else if (this.#leadership.isLeaseLongOver(this.#leaseNow(), this.#confState)) {
      this.reads.refuseUnconfirmed('lease-over');
    } else if (this.reads.waiting) this.node.readIndex(this.reads.ask());
  }

  /** Follows a change of role; true when there is one to announce. */
  updateRole(): boolean {
    const { node } = this;
    const { state, lead, term } = node;
    const last = this.#announced;
    if (last.state === state && last.lead === lead && last.term === term) return false;
    const wasLeader = last.state === 'StateLeader';
    this.#announced = { state, lead, term };
    this.held.takeAll();
    if (!this.isLeader) this.#leadership.end();
    else this.#leadership.begin(term, this.#owner.env.clock.mono(), wasLeader);
    if (wasLeader) this.reads.refuseAll('not-leader');
    return true;
  }

  /** A snapshot at `index` is on its way to a peer, or has just arrived there. */
  keepLogBehind(id: PeerId, index: LogIndex): void {
    if (this.isLeader) this.#leadership.keepLogBehind(id, index, this.#owner.env.clock.mono());
  }

  /** The snapshot did not arrive. */
  releaseLog(id: PeerId): void {
    this.#leadership.releaseLog(id);
  }

  /** The last entry that may be truncated for the sake of followers with a snapshot; see KeptLog. */
  truncationBound(level: LogIndex): LogIndex {
    const matchOf = (id: PeerId): LogIndex | undefined => this.node.progressOf(id)?.match;
    return this.#leadership.truncationBound(this.#owner.env.clock.mono(), level, matchOf);
  }

  /** See {@link Leadership.silentMs}. */
  silentMs(id: PeerId): number {
    return this.#leadership.silentMs(id, this.#owner.env.clock.mono());
  }

  /** Whether a peer has answered its leader within an election timeout. */
  isActive(id: PeerId): boolean {
    return this.#leadership.isActive(id, this.#owner.env.clock.mono());
  }

  /** Entries up to `index` are readable. */
  onApplied(index: LogIndex, term: number): void {
    assert(
      index > this.#applied,
      () => `group ${this.id}: applied ${index} after ${this.#applied}`,
    );
    this.#applied = index;
    this.#appliedTerm = term;
    this.#marks.onApplied(index);
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
    this.#leadership.reconfigure(this.#confState, this.#leaseNow());
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
