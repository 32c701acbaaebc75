import type { CommandSpec } from './commands/spec.js';
import type { ReplyTaker } from './job.js';
import type { Slot } from './reply-queue.js';
import type { Reply } from './resp/types.js';
import type { Place } from './session-order.js';

export interface RunningOwner {
  onReply(running: Running, reply: Reply): void;
}

/** A command of a session that has begun: its place among the replies waits for it. */
export class Running implements ReplyTaker {
  readonly spec: CommandSpec;
  readonly slot: Slot;
  readonly begunMono: number;
  /** Memory of its request. */
  readonly bytes: number;
  /** Keys on which it has a place in the order of its session; none when it runs alone. */
  readonly names: readonly string[];
  readonly place: Place | 'alone';
  readonly #owner: RunningOwner;

  constructor(
    owner: RunningOwner,
    spec: CommandSpec,
    slot: Slot,
    begunMono: number,
    bytes: number,
    names: readonly string[],
    place: Place | 'alone',
  ) {
    this.#owner = owner;
    this.spec = spec;
    this.slot = slot;
    this.begunMono = begunMono;
    this.bytes = bytes;
    this.names = names;
    this.place = place;
  }

  take(reply: Reply): void {
    this.#owner.onReply(this, reply);
  }
}
