import type { PeerId, Term } from '@tinykv/base';
import { type ConfState, decodeConfChange, type Entry, isLeaveJoint } from '@tinykv/raft';

/**
 * How much faster than a leader's clock that of a follower may run: 5 %, a hundred times what NTP slews.
 * Beyond it a lease proves nothing, and nobody notices: machines with such clocks must not hold votes.
 * How fast both run, and what the wall clocks show, does not matter.
 */
export const CLOCK_DRIFT_MAX = 0.05;

/** How long a lease lasts on the leader's clock: no longer than the refusal of the fastest follower. */
export function leaseMs(electionTicks: number, tickMs: number): number {
  return ((electionTicks - 1) * tickMs) / (1 + CLOCK_DRIFT_MAX);
}

/**
 * The leader's lease: while it holds, no other peer can have become leader, so reads need no quorum.
 *
 * A follower that got a heartbeat refuses votes for an election timeout of its monotonic clock (see
 * VotePromise), and campaigns only when its election timer has counted `electionTicks` or more, at least
 * electionTicks − 1 whole ticks. So a heartbeat
 * SENT at time t and acknowledged by a quorum gives a lease until t + (electionTicks − 1) × tick, less
 * the drift allowed between two monotonic clocks (see {@link leaseMs}). Acknowledgements are matched to
 * send times by a stamp in the heartbeat's context, which the follower echoes.
 *
 * Once TimeoutNow has been sent the target may campaign past that refusal, however late the message
 * arrives; so the lease is void for the rest of the term, and reads go by read index. Entries that void it
 * for a time are the matter of EntryMarks.
 */
export class Lease {
  readonly #durationMs: number;
  /** Send time of the newest heartbeat that each peer has acknowledged in this term. */
  readonly #acked = new Map<PeerId, number>();
  #term: Term = 0;
  #suspended = false;
  #expiresAt = Number.NEGATIVE_INFINITY;

  constructor(durationMs: number) {
    this.#durationMs = durationMs;
  }

  /** The node became leader of this term. */
  begin(term: Term): void {
    this.#acked.clear();
    this.#term = term;
    this.#suspended = false;
    this.#expiresAt = Number.NEGATIVE_INFINITY;
  }

  end(): void {
    this.begin(0);
  }

  suspend(): void {
    this.#suspended = true;
  }

  onAck(
    from: PeerId,
    term: Term,
    sentAt: number,
    self: PeerId,
    config: ConfState,
    now: number,
  ): void {
    if (term !== this.#term) return;
    const known = this.#acked.get(from);
    if (known !== undefined && known >= sentAt) return;
    this.#acked.set(from, sentAt);
    this.#expiresAt = this.#quorumTime(self, config, now) + this.#durationMs;
  }

  /** The voters changed: what they have acknowledged counts under the configuration in force. */
  reconfigure(self: PeerId, config: ConfState, now: number): void {
    if (this.#term !== 0) this.#expiresAt = this.#quorumTime(self, config, now) + this.#durationMs;
  }

  valid(now: number, self: PeerId, config: ConfState): boolean {
    if (this.#term === 0 || this.#suspended) return false;
    return now < this.#expiresAt || isOnlyVoter(self, config);
  }

  /**
   * Whether the lease has been over for longer than `graceMs`: the others may have elected another leader. A new leader
   * has had no lease yet: for it the time runs from `ledSince`.
   */
  isLongOver(
    now: number,
    self: PeerId,
    config: ConfState,
    { ledSince, graceMs }: { readonly ledSince: number; readonly graceMs: number },
  ): boolean {
    if (this.#term === 0 || isOnlyVoter(self, config)) return false;
    return now - Math.max(this.#expiresAt, ledSince + this.#durationMs) > graceMs;
  }

  #quorumTime(self: PeerId, config: ConfState, now: number): number {
    const incoming = this.#majorityTime(config.voters, self, now);
    if (config.votersOutgoing.length === 0) return incoming;
    return Math.min(incoming, this.#majorityTime(config.votersOutgoing, self, now));
  }

  /** The latest time for which a majority has acknowledged a heartbeat sent then or later. */
  #majorityTime(voters: readonly PeerId[], self: PeerId, now: number): number {
    const times = voters.map((id) =>
      id === self ? now : (this.#acked.get(id) ?? Number.NEGATIVE_INFINITY),
    );
    times.sort((a, b) => b - a);
    return times[Math.floor(voters.length / 2)] ?? Number.NEGATIVE_INFINITY;
  }
}

function isOnlyVoter(self: PeerId, { voters, votersOutgoing }: ConfState): boolean {
  return votersOutgoing.length === 0 && voters.length === 1 && voters[0] === self;
}

const STAMP_BYTES = 8;

/** Puts the send time before the heartbeat's own context. */
export function stampContext(context: Uint8Array, sentAt: number): Uint8Array {
  const out = new Uint8Array(STAMP_BYTES + context.length);
  new DataView(out.buffer).setFloat64(0, sentAt);
  out.set(context, STAMP_BYTES);
  return out;
}

/** Undefined when the context carries no stamp. */
export function unstampContext(
  context: Uint8Array,
): { readonly sentAt: number; readonly context: Uint8Array } | undefined {
  if (context.length < STAMP_BYTES) return undefined;
  const sentAt = new DataView(context.buffer, context.byteOffset).getFloat64(0);
  return { sentAt, context: context.subarray(STAMP_BYTES) };
}

/**
 * Whether a configuration change takes the vote of `self` away. All others leave the lease alone: every
 * quorum of the configuration before the change meets every quorum of the one after it, so those who
 * promised not to vote still stand in the way of another leader.
 */
export function removesVoter(entry: Entry, self: PeerId, config: ConfState): boolean {
  if (entry.type === 'EntryNormal') return false;
  const change = decodeConfChange(entry.data);
  // The end of a joint configuration names nobody: it takes the votes of those that it leaves behind.
  if (isLeaveJoint(change)) return !config.voters.includes(self);
  return change.changes.some(({ type, nodeId }) => nodeId === self && type !== 'ConfChangeAddNode');
}
