import {
  assert,
  type Env,
  errorMessage,
  InvariantError,
  KvError,
  type LogIndex,
  limits,
  MemoryBudget,
  type Timer,
} from '@tinykv/base';
import {
  type GroupUpdate,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  type RaftLog,
  type Snapshot,
} from '@tinykv/raft';
import { AppendStage } from './append-stage.js';
import { ApplyStage } from './apply-stage.js';
import { APPLY_HOLD_MS, COMMIT_HOLD_MS, type ReplicaConfig } from './config.js';
import { DurabilityStage } from './durability-stage.js';
import { Group } from './group.js';
import type { GroupInit } from './group-init.js';
import { Outbox } from './outbox.js';
import type { StateMachine } from './ports.js';

/**
 * The loop over many Raft groups and one log. Every turn: step what came, propose what waits, take a
 * Ready of each touched group, send its messages, and hand its storage work to the stages. Nothing in
 * a turn waits for the disk: the append stage, the apply stage and the durability stage each have at
 * most one piece of work in flight, and what arrives meanwhile makes the next.
 *
 * ```
 *   inbox → step → propose → Ready ─┬─ messages ──────────────► network (a leader's appends: at once)
 *                                   ├─ append stage ─ fsync ──► votes, acks, own ack ─┐
 *                                   └─ apply stage ─ batch ───► clients, read gate ───┴► next turn
 * ```
 */
export class ReplicaLoop {
  readonly #env: Env;
  readonly #machine: StateMachine;
  readonly #config: ReplicaConfig;
  readonly #log: RaftLog;
  readonly #budget: MemoryBudget;
  readonly #groups = new Map<number, Group>();
  readonly #append: AppendStage;
  readonly #apply: ApplyStage;
  readonly #durability: DurabilityStage;
  readonly #outbox: Outbox;
  #touched: Group[] = [];
  #scheduled = false;
  #ticker: Timer | undefined;
  /** Why nothing may be proposed: the disk under the log is full. */
  #readOnly: string | undefined;
  #stopped = false;

  constructor(
    env: Env,
    log: RaftLog,
    machine: StateMachine,
    config: ReplicaConfig,
    budget: MemoryBudget = new MemoryBudget(limits.storeMemoryBytesMax),
  ) {
    this.#env = env;
    this.#budget = budget;
    this.#machine = machine;
    this.#config = config;
    this.#log = log;
    const deliver = (group: Group, responses: readonly Message[]): void =>
      this.#deliver(group, responses);
    this.#outbox = new Outbox({
      clock: env.clock,
      holdMs: config.commitHoldMs ?? COMMIT_HOLD_MS,
      send: (messages) => machine.send(messages),
    });
    const flush = (): void => this.#outbox.flush();
    const fatal = (error: unknown): void => machine.fatal(error);
    this.#append = new AppendStage(log, {
      deliver,
      flush,
      full: (reason) => this.#setFull(reason),
      after: (ms, fn) => env.clock.after(ms, fn),
      hit: (point) => env.faults.hit(point),
      fatal,
      installSnapshot: (group, snapshot) =>
        // What was committed before the snapshot is applied first: the two must not interleave.
        machine.installSnapshot(group, snapshot, this.#apply.idle(group)),
      finishSnapshot: (group, snapshot) => machine.finishSnapshot(group, snapshot),
    });
    this.#apply = new ApplyStage({
      machine,
      deliver,
      flush,
      holdMs: config.applyHoldMs ?? APPLY_HOLD_MS,
      after: (ms, fn) => env.clock.after(ms, fn),
      fenced: (group, index) => this.#durability.covered(group, index),
      applied: (group, bytes) => this.#durability.onApplied(group, bytes),
    });
    this.#durability = new DurabilityStage(env, config, {
      barrier: () => machine.barrier(),
      note: (group, note) => {
        this.#append.note(group, note);
        this.#schedule();
      },
      noted: () => this.#append.noted(),
      groups: () => this.#groups.values(),
      findDamage: () => {
        for (const { group, through, error } of log.takeDamage?.() ?? []) {
          const damaged = this.#groups.get(group);
          if (damaged !== undefined) this.#unreadable(damaged, through, error);
        }
      },
      fatal,
    });
  }

  /** Why nothing may be proposed at present, or undefined. */
  get readOnly(): string | undefined {
    return this.#readOnly;
  }

  get groups(): ReadonlyMap<number, Group> {
    return this.#groups;
  }

  start(): void {
    assert(this.#ticker === undefined && !this.#stopped, 'the loop starts once');
    this.#durability.start();
    this.#tickLater();
    this.#schedule();
  }

  /** Stops ticking and stepping, and waits for the storage work in flight. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#ticker?.cancel();
    this.#outbox.stop();
    await this.#append.stop();
    if (this.#append.isFull) {
      // Entries that a full disk keeps out of the log are never applied, and nothing begins any more.
      this.#apply.stop();
      await this.#apply.batchDone();
    } else {
      await this.#apply.idle();
    }
    await this.#durability.stop();
    this.#apply.stop();
    for (const group of this.#groups.values()) group.reads.refuseAll('destroyed');
  }

  addGroup(init: GroupInit): Group {
    assert(!this.#groups.has(init.id), () => `group ${init.id} exists`);
    const group = new Group(
      {
        env: this.#env,
        config: this.#config,
        budget: this.#budget,
        touch: (touched) => this.#touch(touched),
        makeSnapshot: (target): Snapshot | undefined => this.#machine.makeSnapshot(target),
        voidsLease: (entry) => this.#machine.voidsLease(entry),
        isFenced: (entry) => this.#machine.isFenced(entry),
        damaged: (target, reason) => this.#machine.damaged(target, reason),
        readOnly: () => this.#readOnly,
      },
      init,
    );
    this.#groups.set(init.id, group);
    this.#touch(group);
    return group;
  }

  /**
   * Stops the group at once; its log is not touched. Resolves when nothing of it is being applied or
   * installed any more (do not wait for that from within the apply of its own fenced entry).
   */
  async removeGroup(group: Group): Promise<void> {
    group.destroy();
    if (this.#groups.get(group.id) === group) this.#groups.delete(group.id);
    this.#apply.kick();
    await this.#apply.idle(group);
    await this.#append.settled(group);
  }

  /** Resolves when no start replays what these groups have applied up to now. */
  fence(groups: readonly Group[]): Promise<void> {
    return this.#durability.fence(groups);
  }

  /** Writes to the log what no Raft message carries. Resolves when durable. */
  writeLog(update: GroupUpdate): Promise<void> {
    return this.#append.write(update);
  }

  #touch(group: Group): void {
    if (group.touched || group.destroyed) return;
    group.touched = true;
    this.#touched.push(group);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    this.#env.clock.defer(() => this.#turn());
  }

  /** A ticker that is late drops the ticks that it missed: a burst would end leases and elections early. */
  #tickLater(): void {
    this.#ticker = this.#env.clock.after(this.#config.tickMs, () => {
      for (const group of this.#groups.values()) group.tick();
      this.#tickLater();
    });
  }

  #turn(): void {
    this.#scheduled = false;
    if (this.#stopped) return;
    try {
      const touched = this.#touched;
      this.#touched = [];
      for (const group of touched) {
        group.touched = false;
        if (!group.destroyed) this.#turnOf(group);
      }
      this.#outbox.flush();
      this.#append.kick();
      this.#apply.kick();
    } catch (error) {
      this.#machine.fatal(error);
    }
  }

  #turnOf(group: Group): void {
    group.stepInbox();
    this.#announce(group);
    this.#machine.proposePending(group);
    group.askReadIndex();
    const { node } = group;
    while (!group.destroyed && node.hasReady()) {
      const ready = node.ready();
      for (const state of ready.readStates) group.reads.onReadState(state, group.applied);
      for (const message of ready.messages) this.#dispatch(group, message);
    }
    this.#announce(group);
    this.#fetchWanted(group);
  }

  #announce(group: Group): void {
    if (!group.destroyed && group.updateRole()) this.#machine.roleChanged(group);
  }

  #dispatch(group: Group, message: Message): void {
    if (message.to === LOCAL_APPEND_THREAD) {
      group.onAppending(message);
      this.#append.add(group, message);
    } else if (message.to === LOCAL_APPLY_THREAD) this.#apply.add(group, message);
    else if (message.to === group.peerId) this.#stepOwn(group, message);
    else this.#outbox.add(group, message);
  }

  /** Storage answered: step what is for the node itself, keep the rest for the flush of all that it completed. */
  #deliver(group: Group, responses: readonly Message[]): void {
    if (group.destroyed) return;
    for (const message of responses) this.#dispatch(group, message);
    this.#touch(group);
  }

  #stepOwn(group: Group, message: Message): void {
    const result = group.node.step(message);
    assert(result.ok, () => `group ${group.id}: own ${message.type} refused`);
  }

  #setFull(reason: string | undefined): void {
    const { logger } = this.#env;
    this.#readOnly =
      reason === undefined ? undefined : `the disk of the Raft log is full: ${reason}`;
    if (reason === undefined) logger.info('the disk of the raft log has room: writes are taken');
    else logger.error('the disk of the raft log is full: read-only', { error: reason });
    for (const group of this.#groups.values()) this.#touch(group);
  }

  /** Reads back entries that the core wants for a lagging follower. */
  #fetchWanted(group: Group): void {
    const { wanted } = group.storage;
    if (wanted === undefined) return;
    group.storage.wanted = undefined;
    this.#log.read(group.id, wanted.low, wanted.high, FETCH_BYTES).then(
      (entries) => {
        if (group.destroyed) return;
        group.storage.addFetched(entries);
        group.node.entriesLoaded();
        this.#touch(group);
      },
      (error: unknown) => {
        if (error instanceof InvariantError) this.#machine.fatal(error);
        else if (!group.destroyed && !this.#stopped)
          this.#unreadable(group, wanted.high - 1, error);
      },
    );
  }

  /**
   * Entries that only a lagging follower needs: it gets a snapshot, and everything else goes on. An entry that
   * this group itself has yet to apply is in the cache.
   */
  #unreadable(group: Group, through: LogIndex, error: unknown): void {
    // The log has forgotten them meanwhile: the storage says so itself when it is asked again.
    const isForgotten = error instanceof KvError && error.code === 'NOT_FOUND';
    if (!isForgotten) {
      group.storage.loseThrough(through);
      const fields = { group: group.id, through, error: errorMessage(error) };
      this.#env.logger.error('raft log entries cannot be read', fields);
    }
    group.node.entriesLoaded();
    this.#touch(group);
  }
}

const FETCH_BYTES = 4_194_304;
