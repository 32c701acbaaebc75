import { type Clock, type Env, type Faults, type LogIndex, limits, type Timer } from '@tinykv/base';
import type { GroupUpdate } from '@tinykv/raft';
import type { ReplicaConfig } from './config.js';
import type { Group } from './group.js';
import { forgettableIndex, type LogKeep } from './log-gc.js';

const LOG_AGE_MS = 60_000;

/** What the stage needs of the loop. */
export interface DurabilityHost {
  barrier(): Promise<void>;
  note(group: Group, note: Pick<GroupUpdate, 'durableApplied' | 'truncate'>): void;
  /** Resolves when all that was noted before is durable. */
  noted(): Promise<void>;
  groups(): Iterable<Group>;
  /** Tells the groups what of their logs was found damaged. */
  findDamage(): void;
  fatal(error: unknown): void;
}

/**
 * The engine is written without fsync, so the log stays its write-ahead log until a barrier covers
 * what was applied. This stage takes barriers (by time and by bytes), records the applied index that
 * each covers in the Raft log, and lets the log forget what is both covered and no longer wanted.
 */
export class DurabilityStage {
  readonly #clock: Clock;
  readonly #faults: Faults;
  readonly #config: ReplicaConfig;
  readonly #host: DurabilityHost;
  /** Groups that applied something since the last barrier began. */
  readonly #dirty = new Set<Group>();
  #bytes = 0;
  #running: Promise<void> | undefined;
  #barrierTimer: Timer | undefined;
  #gcTimer: Timer | undefined;
  #stopped = false;
  readonly #keep: LogKeep;
  readonly #ageMs: number;
  readonly #ages = new WeakMap<Group, Age>();

  constructor(env: Env, config: ReplicaConfig, host: DurabilityHost) {
    this.#clock = env.clock;
    this.#faults = env.faults;
    this.#config = config;
    this.#host = host;
    const { logGcEntries, logGcBytes, logGcAgeMs } = config;
    this.#keep = { entries: logGcEntries, bytes: logGcBytes ?? limits.raftLogKeptBytesMax };
    this.#ageMs = logGcAgeMs ?? LOG_AGE_MS;
  }

  start(): void {
    this.#barrierLater();
    this.#gcLater();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#barrierTimer?.cancel();
    this.#gcTimer?.cancel();
    await this.#running;
  }

  onApplied(group: Group, bytes: number): void {
    this.#dirty.add(group);
    this.#bytes += bytes;
    if (this.#bytes >= this.#config.barrierBytes) this.#takeBarrier();
  }

  #barrierLater(): void {
    this.#barrierTimer = this.#clock.after(this.#config.barrierIntervalMs, () => {
      this.#takeBarrier();
      this.#barrierLater();
    });
  }

  #takeBarrier(): void {
    if (this.#running !== undefined || this.#dirty.size === 0 || this.#stopped) return;
    const covered: { readonly group: Group; readonly index: LogIndex }[] = [];
    for (const group of this.#dirty) covered.push({ group, index: group.applied });
    this.#dirty.clear();
    this.#bytes = 0;
    this.#faults.hit('barrier-before');
    this.#running = this.#host.barrier().then(
      () => {
        this.#running = undefined;
        this.#faults.hit('barrier-before-note');
        for (const { group, index } of covered) this.covered(group, index);
      },
      (error: unknown) => this.#host.fatal(error),
    );
  }

  /**
   * Resolves when no start replays what these groups have applied up to now: the engine has it durably, and the log
   * says so durably. A failure is fatal.
   */
  async fence(groups: readonly Group[]): Promise<void> {
    const covered = groups.map((group) => ({ group, index: group.applied }));
    try {
      await this.#host.barrier();
    } catch (error) {
      this.#host.fatal(error);
      throw error;
    }
    for (const { group, index } of covered) this.covered(group, index);
    await this.#host.noted();
  }

  /** The group is durable up to this index. */
  covered(group: Group, index: LogIndex): void {
    // A snapshot or a fence may have carried the group further meanwhile.
    if (group.destroyed || index <= group.durableApplied) return;
    group.durableApplied = index;
    this.#host.note(group, { durableApplied: index });
    // Large entries would pile up until the timer comes.
    if (group.storage.sizes.bytes > this.#keep.bytes) this.#truncate(group);
  }

  #gcLater(): void {
    this.#gcTimer = this.#clock.after(this.#config.logGcIntervalMs, () => {
      this.#host.findDamage();
      for (const group of this.#host.groups()) this.#truncate(group);
      this.#gcLater();
    });
  }

  /** Drops what the log need not keep; see {@link forgettableIndex}. */
  #truncate(group: Group): void {
    const { storage, durableApplied } = group;
    const first = storage.firstIndex();
    const unreadable = Math.min(storage.unreadable, durableApplied);
    if (unreadable >= first) {
      this.#host.note(group, { truncate: storage.truncate(unreadable) });
      return;
    }
    // Asked for at every round, since it also forgets followers that have had their time.
    const bound = group.truncationBound(durableApplied - this.#keep.entries);
    if (durableApplied < first) return;
    const replication = group.isLeader ? group.replication() : undefined;
    if (replication !== undefined) group.learnReplicated(replication.all);
    const facts = {
      first,
      durableApplied,
      agedIndex: this.#agedIndex(group, durableApplied),
      bytes: storage.sizes.bytes,
      indexBefore: (bytes: number) => storage.sizes.indexBefore(bytes),
      replicated: replication?.all ?? group.replicated,
      activeReplicated: replication?.active,
    };
    const wanted = forgettableIndex(facts, this.#keep);
    const index = group.isLeader ? Math.min(wanted, bound) : wanted;
    if (index < first) return;
    this.#faults.hit('log-before-truncate');
    this.#host.note(group, { truncate: storage.truncate(index) });
  }

  /** What was durably applied at least an age ago. */
  #agedIndex(group: Group, durableApplied: LogIndex): LogIndex {
    const now = this.#clock.mono();
    const age = this.#ages.get(group);
    if (age !== undefined && now - age.since < this.#ageMs) return age.aged;
    const aged = age?.young ?? 0;
    this.#ages.set(group, { aged, young: durableApplied, since: now });
    return aged;
  }
}

/** A log's entries up to `aged` are old; those up to `young` will be. */
interface Age {
  readonly aged: LogIndex;
  readonly young: LogIndex;
  readonly since: number;
}
