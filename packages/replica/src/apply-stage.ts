import { assert, type LogIndex, limits, type Timer } from '@tinykv/base';
import type { Entry, Message } from '@tinykv/raft';
import type { Group } from './group.js';
import type { ApplyWork, StateMachine } from './ports.js';

/** What the stage needs of the loop. */
export interface ApplyHost {
  readonly machine: Pick<StateMachine, 'apply' | 'applyFenced' | 'isFenced' | 'fatal'>;
  /** The entries of a storage apply message are applied: step its responses. */
  deliver(group: Group, responses: readonly Message[]): void;
  /** All that one batch applied has been delivered. */
  flush(): void;
  /** The longest that a follower puts off what nobody waits for; 0: it puts off nothing. */
  readonly holdMs: number;
  after(ms: number, fn: () => void): Timer;
  applied(group: Group, bytes: number): void;
  /** Everything up to and with a fenced entry is durable. */
  fenced(group: Group, index: LogIndex): void;
}

interface GroupQueue {
  readonly group: Group;
  /** MsgStorageApply messages, oldest first. */
  readonly messages: Message[];
  /** Entries of the first message that are applied already. */
  done: number;
  /** A batch or a fence with this group is in flight. */
  busy: boolean;
  /** Some entry is fenced, or there are many bytes: the rest does not wait. */
  urgent: boolean;
  /** The bytes of entries that came since the queue was empty. */
  bytes: number;
}

/** A follower lets no more than this gather: what is not applied stays in memory. */
const HELD_BYTES_MAX = 262_144;

/**
 * The apply stage: committed entries of all groups in one engine batch, one batch in flight. An entry
 * that changes its group (split, conf change …) is applied alone, between two barriers; its group
 * applies nothing else meanwhile, the others go on.
 *
 * A batch costs a hop to a thread of the engine, however small it is. Clients wait for the leader's, and nobody for a
 * follower's: it lets its entries gather for a few milliseconds, unless something of theirs is fenced, somebody waits until
 * the stage is idle, memory is tight, or another group of the process applies anyway.
 */
export class ApplyStage {
  readonly #host: ApplyHost;
  readonly #queues = new Map<Group, GroupQueue>();
  #running = false;
  /** The batch in flight, or the last one. */
  #batch: Promise<void> = Promise.resolve();
  #stopped = false;
  /** Set while entries wait that nobody waits for. */
  #timer: Timer | undefined;
  /** The timer has come while a batch was in flight. */
  #overdue = false;
  #whenIdle: { readonly group: Group | undefined; readonly resolve: () => void }[] = [];

  constructor(host: ApplyHost) {
    this.#host = host;
  }

  /** Queues a MsgStorageApply; `kick` starts the work. */
  add(group: Group, message: Message): void {
    let queue = this.#queues.get(group);
    if (queue === undefined) {
      queue = { group, messages: [], done: 0, busy: false, urgent: false, bytes: 0 };
      this.#queues.set(group, queue);
    }
    queue.messages.push(message);
    for (const entry of message.entries) {
      queue.bytes += entry.data.length;
      queue.urgent ||= this.#host.machine.isFenced(entry);
    }
    queue.urgent ||= queue.bytes >= HELD_BYTES_MAX;
  }

  kick(): void {
    if (this.#stopped) return;
    let isDue = this.#overdue || this.#whenIdle.length > 0;
    for (const queue of this.#queues.values()) {
      if (queue.busy) continue;
      if (queue.group.destroyed) this.#remove(queue);
      else if (this.#headIsFenced(queue)) this.#startFence(queue);
      else isDue ||= queue.urgent || queue.group.isLeader || queue.group.budget.isTight;
    }
    if (this.#running) return;
    if (isDue || this.#host.holdMs === 0) this.#startBatch();
    else if (this.#queues.size > 0) {
      this.#timer ??= this.#host.after(this.#host.holdMs, () => this.#holdEnds());
    }
  }

  #holdEnds(): void {
    this.#timer = undefined;
    this.#overdue = true;
    this.kick();
  }

  /** Entries that still wait are applied by the next process that has the log. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Resolves when nothing of the group (or of any group) is queued or in flight. */
  idle(group?: Group): Promise<void> {
    if (this.#isIdle(group)) return Promise.resolve();
    return new Promise((resolve) => {
      this.#whenIdle.push({ group, resolve });
      this.kick();
    });
  }

  /** Resolves when no batch is in flight; entries that wait for the log may still be queued. */
  batchDone(): Promise<void> {
    return this.#batch;
  }

  #isIdle(group: Group | undefined): boolean {
    return group === undefined ? this.#queues.size === 0 : !this.#queues.has(group);
  }

  #headIsFenced(queue: GroupQueue): boolean {
    const entry = queue.messages[0]?.entries[queue.done];
    return entry !== undefined && this.#host.machine.isFenced(entry);
  }

  #startBatch(): void {
    this.#overdue = false;
    const work: ApplyWork[] = [];
    const queues: GroupQueue[] = [];
    let bytes = 0;
    for (const queue of this.#queues.values()) {
      if (queue.busy || bytes >= limits.applyBatchBytesMax) continue;
      const entries = this.#takePlain(queue, limits.applyBatchBytesMax - bytes);
      if (entries.length === 0) continue;
      for (const entry of entries) bytes += entry.data.length;
      work.push({ group: queue.group, entries });
      queues.push(queue);
      queue.busy = true;
    }
    if (work.length === 0) return;
    this.#running = true;
    this.#batch = this.#host.machine.apply(work).then(
      () => {
        this.#running = false;
        for (let i = 0; i < work.length; i++) this.#advance(queues[i]!, work[i]!.entries);
        this.#host.flush();
        this.kick();
      },
      (error: unknown) => this.#host.machine.fatal(error),
    );
  }

  /** Entries up to the next fence, over several messages, at least one. */
  #takePlain(queue: GroupQueue, maxBytes: number): Entry[] {
    const out: Entry[] = [];
    let bytes = 0;
    let from = queue.done;
    for (const message of queue.messages) {
      for (let i = from; i < message.entries.length; i++) {
        const entry = message.entries[i]!;
        if (this.#host.machine.isFenced(entry)) return out;
        bytes += entry.data.length;
        if (out.length > 0 && bytes > maxBytes) return out;
        out.push(entry);
      }
      from = 0;
    }
    return out;
  }

  #startFence(queue: GroupQueue): void {
    const entry = queue.messages[0]!.entries[queue.done]!;
    queue.busy = true;
    this.#host.machine.applyFenced(queue.group, entry).then(
      () => {
        this.#advance(queue, [entry]);
        if (!queue.group.destroyed) this.#host.fenced(queue.group, entry.index);
        this.#host.flush();
        this.kick();
      },
      (error: unknown) => this.#host.machine.fatal(error),
    );
  }

  #advance(queue: GroupQueue, entries: readonly Entry[]): void {
    const { group } = queue;
    queue.busy = false;
    if (group.destroyed) {
      this.#remove(queue);
      return;
    }
    const last = entries.at(-1)!;
    let bytes = 0;
    for (const entry of entries) bytes += entry.data.length;
    group.onApplied(last.index, last.term);
    this.#host.applied(group, bytes);
    let left = entries.length;
    while (left > 0) {
      const message = queue.messages[0]!;
      const rest = message.entries.length - queue.done;
      if (left < rest) {
        queue.done += left;
        return;
      }
      assert(message.entries.at(-1)!.index <= last.index, 'apply messages are out of order');
      left -= rest;
      queue.done = 0;
      queue.messages.shift();
      this.#host.deliver(group, message.responses);
    }
    if (queue.messages.length === 0) this.#remove(queue);
  }

  #remove(queue: GroupQueue): void {
    this.#queues.delete(queue.group);
    const waiting = this.#whenIdle;
    this.#whenIdle = waiting.filter(({ group }) => !this.#isIdle(group));
    for (const { group, resolve } of waiting) if (this.#isIdle(group)) resolve();
  }
}
