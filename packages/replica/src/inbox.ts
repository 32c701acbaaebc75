import { type Clock, limits, type MemoryBudget } from '@tinykv/base';
import type { Message } from '@tinykv/raft';
import { sumHeldBytes } from './entry-cache.js';

/** While the budget is full a group takes entries this seldom. */
const FULL_PAUSE_MS = 1_000;

/** Messages that wait for a group's next turn. What has no room is dropped, as a network would. */
export class Inbox {
  readonly #budget: MemoryBudget;
  readonly #clock: Clock;
  #messages: Message[] = [];
  /** Held by their entries. */
  #bytes = 0;
  /** When entries were last let in although the budget was full (monotonic ms). */
  #letInAt = Number.NEGATIVE_INFINITY;

  constructor(budget: MemoryBudget, clock: Clock) {
    this.#budget = budget;
    this.#clock = clock;
  }

  /** False when the message is dropped. */
  receive(message: Message): boolean {
    if (this.#messages.length >= limits.peerInboxMessagesMax) return false;
    if (message.entries.length > 0) {
      if (!this.#letsIn()) return false;
      const bytes = sumHeldBytes(message.entries);
      this.#bytes += bytes;
      this.#budget.reserve(bytes);
    }
    this.#messages.push(message);
    return true;
  }

  /**
   * Entries are dropped while the budget is full: their leader sends them again. Now and then some are let in all the
   * same: what fills the budget may be entries of a lost leader, which only entries of the next one can commit.
   */
  #letsIn(): boolean {
    if (!this.#budget.isFull) return true;
    const now = this.#clock.mono();
    if (now - this.#letInAt < FULL_PAUSE_MS) return false;
    this.#letInAt = now;
    return true;
  }

  get isEmpty(): boolean {
    return this.#messages.length === 0;
  }

  /** Gives out all messages. */
  take(): readonly Message[] {
    const messages = this.#messages;
    this.#messages = [];
    this.#budget.release(this.#bytes);
    this.#bytes = 0;
    return messages;
  }
}
