import { equalBytes } from '@tinykv/base';
import { CAMPAIGN_TRANSFER_CONTEXT, type Message } from '@tinykv/raft';

/**
 * The promise that a leader's lease rests on: who has heard a leader neither votes nor campaigns for one
 * election timeout. The core keeps the like only while it knows the leader, and it forgets:
 *
 * 1. A leads in term 5. B was cut off, and asked C (term 7) for a pre-vote.
 * 2. B hears A again and acknowledges a heartbeat: A has a lease.
 * 3. C's late refusal, of term 7, makes B a follower of nobody. C asks again and gets B's vote at once.
 *
 * So the time is kept here, on the monotonic clock, whatever the core thinks of the term. A vote that is
 * asked for in a leader's own name is no breach: that leader gave its lease up when it sent TimeoutNow.
 */
export class VotePromise {
  readonly #durationMs: number;
  #until: number;

  /** `until`: what was promised before, by a peer or a process that this one follows. */
  constructor(durationMs: number, until: number) {
    this.#durationMs = durationMs;
    this.#until = until;
  }

  /** Monotonic time at which it ends. */
  get until(): number {
    return this.#until;
  }

  heardLeader(now: number): void {
    this.#until = Math.max(this.#until, now + this.#durationMs);
  }

  holds(now: number): boolean {
    return now < this.#until;
  }

  /** Whether the message asks for a vote that may not be given. */
  forbids({ type, context }: Message, now: number): boolean {
    const asksVote = type === 'MsgVote' || type === 'MsgPreVote';
    return asksVote && this.holds(now) && !equalBytes(context, CAMPAIGN_TRANSFER_CONTEXT);
  }
}

/** Messages that only the leader of their term sends. */
export function isFromLeader({ type }: Message): boolean {
  return type === 'MsgApp' || type === 'MsgHeartbeat' || type === 'MsgSnap';
}
