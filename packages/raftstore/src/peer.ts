import { ByteWriter, err, KvError, limits, ok, type Result, type Term } from '@tinykv/base';
import {
  findPeer,
  type Modify,
  type Peer as PeerMeta,
  type Region,
  type RegionError,
} from '@tinykv/model';
import type { LogPosition } from '@tinykv/raft';
import { type Group, Proposals } from '@tinykv/replica';
import { addCommand, beginData } from './command.js';
import { Turnover } from './turnover.js';

/** Of an entry, before its commands. */
const DATA_HEADER_BYTES = 32;

/** A command that waits to be proposed. */
export interface PendingCommand {
  readonly modifies: readonly Modify[];
  readonly bytes: number;
  /** Decided under these; proposed and applied under no other. */
  readonly term: Term;
  readonly version: number;
  readonly waiter: Waiter;
}

/** Told exactly once what became of a command. */
export interface Waiter {
  done(result: Result<void, RegionError>): void;
  /** It may or may not take effect. */
  unknown(error: KvError): void;
}

/**
 * A Region's replica on this store: its Raft group, the commands that wait for their turn, and those
 * that are in the log and not yet applied.
 */
export class Peer {
  #meta: PeerMeta;
  readonly group: Group;
  /** Replaced as a whole by split, conf change and snapshot; never changed in place. */
  region: Region;
  #pending: PendingCommand[] = [];
  #pendingBytes = 0;
  readonly #proposals = new Proposals<Waiter>({
    replaced: (waiters) => {
      for (const waiter of waiters) waiter.done(err({ type: 'stale-command' }));
    },
    unknown: (waiters, why) => {
      for (const waiter of waiters) waiter.unknown(unknownOutcome(why));
    },
  });
  /** Applies nothing and proposes nothing any more. */
  #isGone = false;
  /** Members and former members heard of: an uninitialized peer answers before it knows its Region. */
  readonly known: Map<number, PeerMeta> = new Map();
  /** Bytes applied since the last split check measured the Region; and what it found. */
  writtenBytes = 0;
  approximateBytes = 0;
  approximateKeys = 0;
  readonly turnover: Turnover = new Turnover();
  /** Nothing is known of the Region's size until it has been measured once. */
  measured = false;
  /** What the scheduler was last told, and when. */
  lastReport = '';
  lastReportAt: number = Number.NEGATIVE_INFINITY;
  /** It has lost what it had promised: its group is stopped, and it waits to be replaced. */
  damaged = false;
  /** When a leader's message last came, and the newest membership that it told of. */
  heardAt: number;
  heardConfVer = 0;
  /** When the peer last knew a leader, itself included. */
  ledAt: number;

  constructor(meta: PeerMeta, region: Region, group: Group, now: number) {
    this.#meta = meta;
    this.heardAt = now;
    this.ledAt = now;
    this.region = region;
    this.group = group;
    this.setRegion(region);
  }

  /** Itself as its Region has it now: a learner may have become a voter. One that was removed stays as it was. */
  get meta(): PeerMeta {
    return this.#meta;
  }

  setRegion(region: Region): void {
    this.region = region;
    this.#meta = findPeer(region, this.#meta.id) ?? this.#meta;
    for (const peer of region.peers) this.known.set(peer.id, peer);
  }

  /** A peer made by a message knows its Region only after its first snapshot. */
  get initialized(): boolean {
    return this.region.peers.length > 0;
  }

  get isLeader(): boolean {
    return this.group.isLeader;
  }

  /** No fewer than the Region's data has: what was overwritten since it was measured counts twice. */
  get mostBytes(): number {
    return this.approximateBytes + this.writtenBytes;
  }

  leaderMeta(): PeerMeta | undefined {
    const { lead } = this.group.node;
    return lead === 0 ? undefined : this.region.peers.find((peer) => peer.id === lead);
  }

  notLeader(): RegionError {
    return { type: 'not-leader', regionId: this.region.id, leader: this.leaderMeta() };
  }

  /** Takes a command for the next turn. Answers at once when there is no room. */
  submit(command: PendingCommand): void {
    if (this.#isGone) {
      command.waiter.done(err(this.#notFound()));
      return;
    }
    const tooMany =
      this.#pending.length >= limits.regionPendingCommandsMax ||
      this.#pendingBytes + command.bytes > limits.regionPendingBytesMax ||
      this.group.budget.isFull ||
      this.#proposals.size >= limits.regionInflightCommandsMax;
    if (tooMany) {
      command.waiter.done(err(busy('too many commands wait for the region')));
      return;
    }
    this.#pending.push(command);
    this.#pendingBytes += command.bytes;
    this.group.budget.reserve(command.bytes);
    this.group.touch();
  }

  /** Proposes what waits: commands of one turn share log entries. */
  proposePending(): void {
    if (this.#pending.length === 0) return;
    const waiting = this.#takePending();
    let batch: PendingCommand[] = [];
    let bytes = 0;
    for (const command of waiting) {
      const refusal = this.#refusal(command);
      if (refusal !== undefined) {
        command.waiter.done(err(refusal));
        continue;
      }
      const full =
        batch.length >= limits.entryCommandsMax ||
        bytes + command.bytes > limits.entryBatchBytesMax;
      if (full && batch.length > 0) {
        this.#proposeBatch(batch, bytes);
        batch = [];
        bytes = 0;
      }
      batch.push(command);
      bytes += command.bytes;
    }
    if (batch.length > 0) this.#proposeBatch(batch, bytes);
  }

  #takePending(): PendingCommand[] {
    const waiting = this.#pending;
    if (waiting.length === 0) return waiting;
    this.group.budget.release(this.#pendingBytes);
    this.#pending = [];
    this.#pendingBytes = 0;
    return waiting;
  }

  #refusal(command: PendingCommand): RegionError | undefined {
    if (!this.isLeader || command.term !== this.group.node.term) return this.notLeader();
    if (command.version !== this.region.epoch.version) {
      return { type: 'epoch-not-match', currentRegions: [this.region] };
    }
    const { readOnly } = this.group;
    return readOnly === undefined ? undefined : busy(readOnly);
  }

  #proposeBatch(batch: readonly PendingCommand[], bytes: number): void {
    const first = batch[0]!;
    // What the writer holds beyond the entry would be held as long as the entry.
    const w = new ByteWriter(DATA_HEADER_BYTES + bytes);
    beginData(w, first.term, first.version);
    for (const command of batch) addCommand(w, command.modifies);
    this.propose(
      w.finish(),
      batch.map((command) => command.waiter),
    );
  }

  /** Appends an entry to the log and remembers who waits for it. */
  propose(data: Uint8Array, waiters: readonly Waiter[]): void {
    const { readOnly } = this.group;
    if (readOnly !== undefined) {
      for (const waiter of waiters) waiter.done(err(busy(readOnly)));
      return;
    }
    const result = this.group.node.propose(data);
    if (!result.ok) {
      const error = this.isLeader ? busy(result.error.message) : this.notLeader();
      for (const waiter of waiters) waiter.done(err(error));
      return;
    }
    this.#proposals.track(result.value, this.group.node.term, waiters);
  }

  /** The waiters of an applied entry. */
  takeWaiters({ index, term }: LogPosition): readonly Waiter[] {
    return this.#proposals.take(index, term);
  }

  /** A snapshot took the place of the entries up to its last. */
  skipTo({ index, term }: LogPosition): void {
    this.#proposals.skipTo(index, term);
  }

  /** To be called as soon as the group's role or term may have changed: nobody waits for a former leader. */
  releaseWaiters(): void {
    const { term, committed } = this.group.node;
    this.#proposals.release(this.isLeader ? term : undefined, committed);
  }

  /** The peer goes away: nothing that waits will be answered by apply, nothing is taken in any more. */
  abandon(): void {
    this.#isGone = true;
    for (const command of this.#takePending()) command.waiter.done(err(this.#notFound()));
    this.#proposals.abandon('the peer is gone');
  }

  #notFound(): RegionError {
    return { type: 'region-not-found', regionId: this.region.id };
  }
}

export function busy(reason: string): RegionError {
  return { type: 'server-is-busy', reason };
}

export function unknownOutcome(why: string): KvError {
  return new KvError('UNKNOWN', `outcome unknown: ${why}`);
}

export const appliedOk: Result<void, RegionError> = ok(undefined);
