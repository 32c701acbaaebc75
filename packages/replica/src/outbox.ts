import type { Clock, Timer } from '@tinykv/base';
import type { Message } from '@tinykv/raft';
import type { Group } from './group.js';
import type { Outbound } from './ports.js';

/** The loop as the outbox needs it. */
export interface OutboxHost {
  readonly clock: Clock;
  /** The longest that a commit index waits; 0: it never does. */
  readonly holdMs: number;
  send(messages: readonly Outbound[]): void;
}

/** The timer is no finer than this. */
const TIMER_MS_MIN = 1;

/**
 * The messages of all groups for other processes. Those of one turn, and those that one piece of storage work let out,
 * go together.
 *
 * A message that tells a follower nothing but a commit index waits for the next entries to it, which tell the index as
 * well, or goes by itself once it has waited long enough (see {@link Group.mayWait} for those that never wait). A put that has the group to
 * itself then costs each follower one message instead of two. Raft allows the delay as it allows a slow network; the core
 * does not know of it. A follower that has yet to learn of a commit lacks nothing that it would promise or answer: reads
 * are served by the leader, and a new leader learns what is committed from the logs.
 */
export class Outbox {
  readonly #host: OutboxHost;
  #messages: Outbound[] = [];
  /** Those with commit indexes that wait, or have waited since the timer was set. */
  #holding: Group[] = [];
  #timer: Timer | undefined;
  #stopped = false;

  constructor(host: OutboxHost) {
    this.#host = host;
  }

  /** Takes a message; `flush` sends it. */
  add(group: Group, message: Message): void {
    const { clock, holdMs } = this.#host;
    const { held } = group;
    const { type, to } = message;
    if (holdMs > 0 && group.mayWait(message)) {
      held.hold(message, clock.mono());
      this.#list(group, holdMs);
      return;
    }
    // A later append tells as much.
    if (type === 'MsgApp') held.take(to);
    else if (type === 'MsgReadIndexResp') this.#release(group, held.take(to));
    else if (type === 'MsgTimeoutNow') this.releaseAll(group);
    this.#messages.push({ group, message: group.outgoing(message) });
  }

  /** Messages that wait for the followers of this group go with the next flush. */
  releaseAll(group: Group): void {
    for (const message of group.held.takeAll()) this.#release(group, message);
  }

  flush(): void {
    if (this.#messages.length === 0) return;
    const messages = this.#messages;
    this.#messages = [];
    this.#host.send(messages);
  }

  /** Nothing that waits is sent any more. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #list(group: Group, delayMs: number): void {
    if (group.held.isListed || this.#stopped) return;
    group.held.isListed = true;
    this.#holding.push(group);
    this.#timer ??= this.#host.clock.after(delayMs, () => this.#expire());
  }

  /** A message held back in an earlier term means nothing any more. */
  #release(group: Group, message: Message | undefined): void {
    if (message === undefined || message.term !== group.node.term || !group.isLeader) return;
    this.#messages.push({ group, message });
  }

  /** One timer for all groups: it comes when the first of them may be due. */
  #expire(): void {
    this.#timer = undefined;
    const { clock, holdMs } = this.#host;
    const now = clock.mono();
    const groups = this.#holding;
    this.#holding = [];
    let left = holdMs;
    for (const group of groups) {
      const { held } = group;
      held.isListed = false;
      if (group.destroyed) continue;
      for (const message of held.takeDue(now, holdMs)) this.#release(group, message);
      if (held.since === undefined) continue;
      held.isListed = true;
      this.#holding.push(group);
      left = Math.min(left, held.since + holdMs - now);
    }
    if (this.#holding.length > 0) {
      this.#timer = clock.after(Math.max(left, TIMER_MS_MIN), () => this.#expire());
    }
    this.flush();
  }
}
