import { CodecError, type KvEngine, KvError, limits, NO_PEER } from '@tinykv/base';
import {
  beforeEnd,
  findPeer,
  isEpochStale,
  type Region,
  type RegionEpoch,
  regionStateKey,
} from '@tinykv/model';
import type { LogPosition, Message, MessageType } from '@tinykv/raft';
import type { Envelope } from './envelope.js';
import type { PeerLifecycle } from './lifecycle.js';
import { decodeRegionState, type RegionLocalState } from './local-state.js';
import type { Peer } from './peer.js';
import type { PeerRegistry } from './registry.js';

/** Votes kept for Regions that a split here is about to make. */
const PENDING_VOTES_MAX = 256;

/** What the router asks of the store. */
export interface RouterHost {
  /** Monotonic milliseconds. */
  now(): number;
  readonly registry: PeerRegistry;
  readonly lifecycle: PeerLifecycle;
  readonly engine: KvEngine;
  reply(envelope: Envelope): void;
  /** A leader, or a candidate that made the peer, spoke to it under this epoch. */
  heardLeader(peer: Peer, epoch: RegionEpoch): void;
  /** Another store says, or shows, that the peer is no member of its Region any more: to be verified. */
  removed(peer: Peer): void;
}

/** Takes Raft messages from other stores to their peers, and decides about those that have none. */
export class Router {
  readonly #host: RouterHost;
  readonly #pendingVotes = new Map<number, Envelope[]>();
  #pendingCount = 0;

  constructor(host: RouterHost) {
    this.#host = host;
  }

  receive(envelope: Envelope): void {
    const { registry } = this.#host;
    if (envelope.to.storeId !== registry.storeId || !isPlausible(envelope)) return;
    const peer = registry.peers.get(envelope.regionId);
    if (peer !== undefined) this.#toPeer(peer, envelope);
    else if (registry.creating.has(envelope.regionId)) this.#keepVote(envelope);
    else if (!registry.destroying.has(envelope.regionId)) this.#toNobody(envelope);
  }

  /** Gives a new peer the votes that came before it. */
  replayVotes(peer: Peer): void {
    const kept = this.#pendingVotes.get(peer.region.id);
    if (kept === undefined) return;
    this.#pendingVotes.delete(peer.region.id);
    this.#pendingCount -= kept.length;
    for (const envelope of kept) this.receive(envelope);
  }

  #toPeer(peer: Peer, envelope: Envelope): void {
    const { region, meta } = peer;
    if (envelope.tombstone) {
      const gone = envelope.to.id === meta.id && isEpochStale(region.epoch, envelope.epoch);
      if (gone) this.#host.removed(peer);
      return;
    }
    const { message, from, to, committed, replicated } = envelope;
    if (peer.initialized && !this.#isFromMember(peer, envelope)) return;
    const isKnown = !peer.initialized || findPeer(region, from.id) !== undefined;
    if (isKnown && to.id === meta.id) {
      if (committed !== undefined) peer.group.learnCommitted(committed);
      if (replicated !== undefined) peer.group.learnReplicated(replicated);
    }
    if (message === undefined || to.id < meta.id) return;
    if (to.id > meta.id) {
      // This store was given up and taken again: the old peer goes, a later message makes the new one.
      this.#host.removed(peer);
      return;
    }
    if (message.type === 'MsgSnap') return; // Snapshots come by their own stream, data first.
    peer.known.set(from.id, from);
    if (isFromLeader(message)) this.#host.heardLeader(peer, envelope.epoch);
    peer.group.receive(message);
  }

  /**
   * False for what no member sends. A peer that this one does not know may have been added by changes that are still to
   * be applied here, so a newer membership is believed, but not by one that leads or hears its leader: a stranger's higher
   * term would end a leadership that works, and its entries would replace those of the log. A leader that is gone falls
   * silent, and one election timeout later the replica listens to whom it does not know; from then on that is its leader. Nor is it believed in what would
   * end this replica or its Region: a commit index beyond its log says that it has lost entries, and a term or membership
   * far ahead could never be reached again by those that are members.
   */
  #isFromMember(peer: Peer, envelope: Envelope): boolean {
    const { region, group } = peer;
    const { from, epoch, message } = envelope;
    const member = findPeer(region, from.id);
    if (member !== undefined) return member.storeId === from.storeId;
    if (message === undefined) return false;
    if (isEpochStale(epoch, region.epoch)) {
      this.#answerStale(envelope, message, region);
      return false;
    }
    const isLed = peer.isLeader || this.#host.now() < group.promisedUntil;
    if (isLed && from.id !== group.node.lead) return false;
    const changes = epoch.confVer - region.epoch.confVer;
    if (changes <= 0 || changes > limits.epochStepMax) return false;
    if (message.term > group.node.term + limits.raftTermStepMax) return false;
    return message.type !== 'MsgHeartbeat' || message.commit <= group.node.lastIndex;
  }

  #toNobody(envelope: Envelope): void {
    const { message, range, to } = envelope;
    if (message === undefined || envelope.tombstone) return;
    const saved = this.#savedState(envelope.regionId);
    if (saved?.state === 'tombstone') {
      if (isEpochStale(envelope.epoch, saved.region.epoch)) {
        if (findPeer(saved.region, envelope.from.id)) this.#answerMember(envelope, message, saved);
        else this.#answerStale(envelope, message, saved.region);
        return;
      }
      // A newer peer may be wanted under the very epoch that told the old one that it is gone.
      if (to.id <= saved.peerId) return;
    }
    if (!isInitial(message) || range === undefined) return;
    const { registry, lifecycle } = this.#host;
    if (registry.isOccupied(range, envelope.regionId)) {
      this.#keepVote(envelope);
      return;
    }
    // Who is wanted here is asked for again, once those before it have got their snapshots.
    if (registry.uninitialized.size >= limits.uninitializedPeersMax) return;
    const peer = lifecycle.addUninitialized(envelope.regionId, to);
    peer.known.set(envelope.from.id, envelope.from);
    this.#host.heardLeader(peer, envelope.epoch);
    peer.group.receive(message);
  }

  #savedState(regionId: number): RegionLocalState | undefined {
    const bytes = this.#host.engine.get(regionStateKey(regionId));
    if (bytes === undefined) return undefined;
    try {
      return decodeRegionState(bytes);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      throw new KvError('DATA_LOSS', `state of region ${regionId}: ${error.message}`);
    }
  }

  /**
   * Of two voters one has applied its removal, and is gone; the other, which did not hear that the removal
   * is committed, would ask for its vote for ever. It is told so instead: an applied entry is committed.
   */
  #answerMember(envelope: Envelope, message: Message, saved: RegionLocalState): void {
    const { region, appliedIndex: index, appliedTerm: term } = saved;
    if (index > 0) this.#answerVote(envelope, message, region, { committed: { index, term } });
  }

  /** Tells a removed peer that still asks for votes that it is gone. */
  #answerStale(envelope: Envelope, message: Message, region: Region): void {
    this.#answerVote(envelope, message, region, { tombstone: true });
  }

  #answerVote(
    { regionId, from, to }: Envelope,
    { type }: Message,
    { epoch }: Region,
    answer: Partial<Pick<Envelope, 'tombstone' | 'committed'>>,
  ): void {
    if (type !== 'MsgVote' && type !== 'MsgPreVote') return;
    const nothing = { range: undefined, tombstone: false, message: undefined };
    this.#host.reply({ regionId, from: to, to: from, epoch, ...nothing, ...answer });
  }

  /** The first votes for a split's child must not be lost, or its first election waits for a time-out. */
  #keepVote(envelope: Envelope): void {
    const type = envelope.message?.type;
    if (type !== 'MsgVote' && type !== 'MsgPreVote') return;
    if (this.#pendingCount >= PENDING_VOTES_MAX) {
      this.#pendingVotes.clear();
      this.#pendingCount = 0;
    }
    const kept = this.#pendingVotes.get(envelope.regionId) ?? [];
    kept.push(envelope);
    this.#pendingVotes.set(envelope.regionId, kept);
    this.#pendingCount++;
  }
}

/** What peers send each other; all else of Raft's messages stays inside a node. */
const PEER_MESSAGES: ReadonlySet<MessageType> = new Set<MessageType>([
  'MsgApp',
  'MsgAppResp',
  'MsgVote',
  'MsgVoteResp',
  'MsgPreVote',
  'MsgPreVoteResp',
  'MsgSnap',
  'MsgHeartbeat',
  'MsgHeartbeatResp',
  'MsgTimeoutNow',
]);

/** False for what no honest store sends: the core takes a message from itself for a broken invariant. */
export function isPlausible(envelope: Envelope): boolean {
  const { message, from, to, range, committed, replicated = 0 } = envelope;
  if (from.id === to.id || from.id === NO_PEER || to.id === NO_PEER) return false;
  if (range !== undefined && !beforeEnd(range.start, range.end)) return false;
  if (replicated > MOST || (committed !== undefined && !isCountable(committed))) return false;
  if (message === undefined) return envelope.tombstone || committed !== undefined;
  const isBetween = message.from === from.id && message.to === to.id;
  return PEER_MESSAGES.has(message.type) && isBetween && hasCountableNumbers(message);
}

const MOST = limits.raftNumberMax;

/**
 * The next number is one more than a term or an index, in answers too, and must still be a number that can be written:
 * an answer that cannot be is a broken invariant, which ends the process.
 */
function hasCountableNumbers(message: Message): boolean {
  const { logTerm, commit, rejectHint, entries, snapshot } = message;
  if (!isCountable(message) || logTerm > MOST || commit > MOST || rejectHint > MOST) return false;
  return (snapshot === undefined || isCountable(snapshot.metadata)) && entries.every(isCountable);
}

function isCountable({ index, term }: LogPosition): boolean {
  return index <= MOST && term <= MOST;
}

function isFromLeader(message: Message): boolean {
  return message.type === 'MsgApp' || message.type === 'MsgHeartbeat';
}

/** Messages that may make a peer: those that a leader or candidate sends to one that it has never heard of. */
export function isInitial(message: Message): boolean {
  return (
    message.type === 'MsgVote' ||
    message.type === 'MsgPreVote' ||
    (message.type === 'MsgHeartbeat' && message.commit === 0)
  );
}
