import type { PeerId } from '@tinykv/base';
import type { Message } from '@tinykv/raft';

interface Held {
  message: Message;
  /** Since when the peer lacks a commit index (monotonic ms). */
  readonly since: number;
}

/**
 * The messages of one group that wait because they tell a follower nothing but a commit index: the newest for
 * each follower.
 */
export class HeldCommits {
  #held: Held[] = [];
  /** In the outbox's list of groups with such messages. */
  isListed = false;

  /** A newer message takes the place of the one that waits, and waits no longer than that one. */
  hold(message: Message, now: number): void {
    const known = this.#held.find((held) => held.message.to === message.to);
    if (known === undefined) this.#held.push({ message, since: now });
    else known.message = message;
  }

  /** Takes out what waits for this peer. */
  take(to: PeerId): Message | undefined {
    const at = this.#held.findIndex((held) => held.message.to === to);
    return at < 0 ? undefined : this.#held.splice(at, 1)[0]?.message;
  }

  takeAll(): readonly Message[] {
    const all = this.#held;
    this.#held = [];
    return all.map(({ message }) => message);
  }

  /** Takes out what has waited for so long. */
  takeDue(now: number, holdMs: number): readonly Message[] {
    const due: Message[] = [];
    this.#held = this.#held.filter((held) => {
      const isDue = held.since + holdMs <= now;
      if (isDue) due.push(held.message);
      return !isDue;
    });
    return due;
  }

  /** Since when the first of them has waited; undefined: none does. */
  get since(): number | undefined {
    return this.#held[0]?.since;
  }
}
