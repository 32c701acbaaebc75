import { assert, type FailPoint, KvError, type Timer } from '@tinykv/base';
import type { Entry, GroupUpdate, HardState, Message, RaftLog, Snapshot } from '@tinykv/raft';
import type { Group } from './group.js';

/** What the stage needs of the loop. */
export interface AppendHost {
  /** The snapshot's state replaces the group's; durable when this resolves. */
  installSnapshot(group: Group, snapshot: Snapshot): Promise<void>;
  /** The log begins at the snapshot. */
  finishSnapshot(group: Group, snapshot: Snapshot): Promise<void>;
  /** Storage work of the group is done: step and send what waited for it. */
  deliver(group: Group, responses: readonly Message[]): void;
  /** All that one write made durable has been delivered. */
  flush(): void;
  /** The disk under the log is full, and why; undefined: it takes writes again. */
  full(reason: string | undefined): void;
  after(ms: number, fn: () => void): Timer;
  hit(point: FailPoint): void;
  fatal(error: unknown): void;
}

interface PendingAppend {
  readonly group: Group;
  readonly message: Message;
}

/** An update that no message carries, with what to do once it is durable; without one, once all before it is. */
interface PendingUpdate {
  readonly update: GroupUpdate | undefined;
  readonly done: () => void;
}

/** What goes to the log at once, and who waits for it. */
interface Write {
  readonly updates: readonly GroupUpdate[];
  readonly appends: readonly PendingAppend[];
  readonly extra: readonly PendingUpdate[];
}

/** Pause before a full disk is tried again. */
const RETRY_MS = 500;

/** Bookkeeping that rides along with the next append. */
type Note = Pick<GroupUpdate, 'durableApplied' | 'truncate'>;

/**
 * The append stage: one write in flight. Entries and hard states of ALL groups that wait go to the
 * log as one write and one fsync; what arrives meanwhile makes the next. Responses (votes, acks,
 * MsgStorageAppendResp) are delivered only when that is durable.
 *
 * While the disk is full the write in flight is tried again and again, and what comes later waits behind it, in
 * order: nothing of it is answered, so nothing of it counts.
 */
export class AppendStage {
  readonly #log: RaftLog;
  readonly #host: AppendHost;
  #appends: PendingAppend[] = [];
  #updates: PendingUpdate[] = [];
  readonly #notes = new Map<Group, Note>();
  /** Hard states that differ from the stored ones in the commit index alone. */
  readonly #commits = new Map<Group, HardState>();
  /** The last hard state of each group that came: stored, being written or waiting. */
  readonly #newest = new WeakMap<Group, HardState>();
  #running = false;
  /** Set while the disk is full: the next attempt of the write in flight. */
  #retry: Timer | undefined;
  #isFull = false;
  /** The log works on a write; not between two attempts. */
  #writing = false;
  #stopped = false;
  /** Groups whose snapshot is being installed; their later messages wait here, in order. */
  readonly #installing = new Map<Group, PendingAppend[]>();
  #whenIdle: (() => void)[] = [];
  #whenSettled: { readonly group: Group; readonly resolve: () => void }[] = [];

  constructor(log: RaftLog, host: AppendHost) {
    this.#log = log;
    this.#host = host;
  }

  /** Queues a MsgStorageAppend; `kick` starts the write. */
  add(group: Group, message: Message): void {
    const behind = this.#installing.get(group);
    if (behind !== undefined) behind.push({ group, message });
    else if (message.snapshot !== undefined) this.#install(group, message, message.snapshot);
    else if (this.#needsWrite(group, message)) this.#appends.push({ group, message });
    // Its answers speak of what was appended before: they wait for that, and for no write of their own.
    else if (message.responses.length > 0)
      this.#appends.push({ group, message: answersOf(message) });
  }

  /**
   * A commit index need not be durable: a leader that lost it learns it again from its followers' logs,
   * a follower from its leader. It is written with the next append and never asks for one of its own.
   */
  #needsWrite(group: Group, message: Message): boolean {
    const hardState = hardStateOf(message);
    if (hardState === undefined) return message.entries.length > 0;
    const { term, vote } = this.#newest.get(group) ?? group.storage.hardState;
    this.#newest.set(group, hardState);
    this.#commits.delete(group);
    if (message.entries.length > 0 || hardState.term !== term || hardState.vote !== vote)
      return true;
    this.#commits.set(group, hardState);
    return false;
  }

  /** Records what needs no answer. */
  note(group: Group, note: Note): void {
    this.#notes.set(group, { ...this.#notes.get(group), ...note });
  }

  /** An update that no message carries: a split's child, a destroyed group. Resolves when durable. */
  write(update: GroupUpdate): Promise<void> {
    return this.#durable(update);
  }

  /** Resolves when all that was noted before is durable. */
  noted(): Promise<void> {
    return this.#durable(undefined);
  }

  #durable(update: GroupUpdate | undefined): Promise<void> {
    return new Promise((done) => {
      this.#updates.push({ update, done });
      this.kick();
    });
  }

  kick(): void {
    if (this.#running) return;
    if (this.#appends.length + this.#updates.length + this.#notes.size === 0) return;
    const appends = this.#appends;
    const extra = this.#updates;
    this.#appends = [];
    this.#updates = [];
    // Appends go before the updates of their group: a snapshot's reset replaces what they wrote.
    const isWrite = extra.length + this.#notes.size > 0 || appends.some(isWriting);
    const updates = isWrite
      ? [...this.#merge(appends), ...extra.flatMap((pending) => pending.update ?? [])]
      : [];
    this.#running = true;
    this.#write({ updates, appends, extra });
  }

  #write(write: Write): void {
    const { updates } = write;
    this.#writing = true;
    this.#host.hit('log-before-append');
    const written = updates.length === 0 ? Promise.resolve() : this.#log.append(updates);
    written.then(
      () => this.#written(write),
      (error: unknown) => this.#failed(write, error),
    );
  }

  /** A log that is full can be written to as before once there is room; any other failure leaves its end unknown. */
  #failed(write: Write, error: unknown): void {
    this.#writing = false;
    if (!(error instanceof KvError) || error.code !== 'RESOURCE_EXHAUSTED') {
      this.#host.fatal(error);
      return;
    }
    if (!this.#isFull) this.#host.full(error.message);
    this.#isFull = true;
    if (this.#stopped) this.#wakeIdle();
    else this.#retry = this.#host.after(RETRY_MS, () => this.#write(write));
  }

  /** Resolves when no snapshot of the group is being installed. */
  settled(group: Group): Promise<void> {
    if (!this.#installing.has(group)) return Promise.resolve();
    return new Promise((resolve) => this.#whenSettled.push({ group, resolve }));
  }

  /** Resolves when nothing is in flight or waits any more. What a full disk holds up is given up. */
  stop(): Promise<void> {
    this.#stopped = true;
    this.#retry?.cancel();
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  #isIdle(): boolean {
    if (this.#stopped && this.#isFull) return !this.#writing;
    return (
      !this.#running &&
      this.#appends.length === 0 &&
      this.#updates.length === 0 &&
      this.#installing.size === 0
    );
  }

  #written({ appends, extra }: Write): void {
    this.#host.hit('log-appended');
    this.#writing = false;
    this.#running = false;
    if (this.#isFull) this.#host.full(undefined);
    this.#isFull = false;
    for (const { group, message } of appends) this.#finish(group, message);
    for (const { done } of extra) done();
    this.#host.hit('log-answers-before-flush');
    this.#host.flush();
    this.kick();
    if (this.#isIdle()) this.#wakeIdle();
  }

  #wakeIdle(): void {
    const waiting = this.#whenIdle;
    this.#whenIdle = [];
    for (const resolve of waiting) resolve();
  }

  #finish(group: Group, message: Message): void {
    if (group.destroyed) return;
    group.storage.append(message.entries);
    const hardState = hardStateOf(message);
    if (hardState !== undefined) group.storage.setHardState(hardState);
    this.#host.deliver(group, message.responses);
  }

  /** One update a group: later entries replace earlier ones, the newest hard state wins. */
  #merge(appends: readonly PendingAppend[]): GroupUpdate[] {
    const merged = new Map<Group, { entries: Entry[]; hardState: HardState | undefined }>();
    for (const { group, message } of appends) {
      const known = merged.get(group) ?? { entries: [], hardState: undefined };
      known.entries = mergeEntries(known.entries, message.entries);
      known.hardState = hardStateOf(message) ?? known.hardState;
      merged.set(group, known);
    }
    for (const group of [...this.#notes.keys(), ...this.#commits.keys()]) {
      if (!merged.has(group)) merged.set(group, { entries: [], hardState: undefined });
    }
    const updates: GroupUpdate[] = [];
    for (const [group, { entries, hardState: appended }] of merged) {
      const note = this.#notes.get(group);
      const hardState = this.#commits.get(group) ?? appended;
      if (group.destroyed || (entries.length === 0 && !hardState && !note)) continue;
      updates.push({
        group: group.id,
        ...(entries.length > 0 ? { entries } : {}),
        ...(hardState !== undefined ? { hardState } : {}),
        ...note,
      });
    }
    this.#notes.clear();
    this.#commits.clear();
    return updates;
  }

  #install(group: Group, message: Message, snapshot: Snapshot): void {
    this.#installing.set(group, []);
    const { index, term } = snapshot.metadata;
    const reset = (): Promise<void> => {
      if (group.destroyed) return Promise.resolve();
      const hardState = hardStateOf(message) ?? group.storage.hardState;
      assert(hardState.commit >= index, () => `commit ${hardState.commit} < snapshot ${index}`);
      this.#notes.delete(group);
      const { entries } = message;
      this.#host.hit('snapshot-before-log-reset');
      return this.write({
        group: group.id,
        reset: { index, term },
        ...(entries.length > 0 ? { entries } : {}),
        hardState,
        durableApplied: index,
      });
    };
    this.#host
      .installSnapshot(group, snapshot)
      .then(reset)
      .then(() => this.#host.finishSnapshot(group, snapshot))
      .then(() => this.#installed(group, message, snapshot))
      .catch((error: unknown) => this.#host.fatal(error));
  }

  #installed(group: Group, message: Message, snapshot: Snapshot): void {
    this.#host.hit('snapshot-before-its-answers');
    const behind = this.#installing.get(group) ?? [];
    this.#installing.delete(group);
    const waiting = this.#whenSettled.filter((waiter) => waiter.group === group);
    this.#whenSettled = this.#whenSettled.filter((waiter) => waiter.group !== group);
    for (const { resolve } of waiting) resolve();
    if (group.destroyed) return;
    group.onSnapshot(snapshot);
    this.#finish(group, message);
    this.#host.flush();
    for (const pending of behind) this.add(pending.group, pending.message);
    this.kick();
  }
}

function isWriting({ message }: PendingAppend): boolean {
  return message.entries.length > 0 || hardStateOf(message) !== undefined;
}

/** A message with nothing to write, only with answers. */
function answersOf(message: Message): Message {
  return { ...message, term: 0, vote: 0, commit: 0 };
}

/** A storage append carries the hard state in its own fields when there is one to persist. */
function hardStateOf(message: Message): HardState | undefined {
  const { term, vote, commit } = message;
  return term === 0 && vote === 0 && commit === 0 ? undefined : { term, vote, commit };
}

/** Later entries replace earlier ones at and after their first index. */
function mergeEntries(earlier: Entry[], later: readonly Entry[]): Entry[] {
  const first = later[0];
  if (first === undefined) return earlier;
  if (earlier.length === 0) return [...later];
  const keep = first.index - earlier[0]!.index;
  assert(keep <= earlier.length, () => `entries leave a gap before ${first.index}`);
  if (keep <= 0) return [...later];
  earlier.length = keep;
  earlier.push(...later);
  return earlier;
}
