import type { Clock, Env, LogIndex, Timer } from '@tinykv/base';
import type { GroupUpdate } from '@tinykv/raft';
import type { ReplicaConfig } from './config.js';
import type { Group } from './group.js';

/** What the stage needs of the loop. */
export interface DurabilityHost {
  barrier(): Promise<void>;
  note(group: Group, note: Pick<GroupUpdate, 'durableApplied' | 'truncate'>): void;
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
  readonly #config: ReplicaConfig;
  readonly #host: DurabilityHost;
  /** Groups that applied something since the last barrier began. */
  readonly #dirty = new Set<Group>();
  #bytes = 0;
  #running: Promise<void> | undefined;
  #barrierTimer: Timer | undefined;
  #gcTimer: Timer | undefined;
  #stopped = false;
  /** Planted bugs. */
  readonly #coversLaterEntries: boolean;
  readonly #forgetsUncovered: boolean;

  constructor(env: Env, config: ReplicaConfig, host: DurabilityHost) {
    this.#clock = env.clock;
    this.#config = config;
    this.#host = host;
    this.#coversLaterEntries = env.planted('raft-durable-index-too-high');
    this.#forgetsUncovered = env.planted('raft-log-forgotten-early');
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
    this.#running = this.#host.barrier().then(
      () => {
        this.#running = undefined;
        for (const { group, index } of covered) {
          this.covered(group, this.#coversLaterEntries ? group.applied : index);
        }
      },
      (error: unknown) => this.#host.fatal(error),
    );
  }

  /** The group is durable up to this index. */
  covered(group: Group, index: LogIndex): void {
    // A snapshot or a fence may have carried the group further meanwhile.
    if (group.destroyed || index <= group.durableApplied) return;
    group.durableApplied = index;
    this.#host.note(group, { durableApplied: index });
  }

  #gcLater(): void {
    this.#gcTimer = this.#clock.after(this.#config.logGcIntervalMs, () => {
      this.#host.findDamage();
      for (const group of this.#host.groups()) this.#truncate(group);
      this.#gcLater();
    });
  }

  /**
   * Drops old entries when there are too many. A leader keeps what its active followers still need,
   * within twice the number: one further behind gets a snapshot. A follower keeps the number, should
   * it become the leader.
   */
  #truncate(group: Group): void {
    const { logGcEntries } = this.#config;
    const durableApplied = this.#forgetsUncovered ? group.applied : group.durableApplied;
    const first = group.storage.firstIndex();
    const unreadable = Math.min(group.storage.unreadable, durableApplied);
    if (unreadable >= first) {
      this.#host.note(group, { truncate: group.storage.truncate(unreadable) });
      return;
    }
    const bound = group.truncationBound(durableApplied - logGcEntries);
    if (durableApplied - first < logGcEntries) return;
    let index = durableApplied - logGcEntries;
    if (group.isLeader) {
      let needed = durableApplied;
      for (const [id, { match }] of group.node.status().progress) {
        if (id === group.peerId || group.isActive(id)) needed = Math.min(needed, match);
      }
      index = Math.max(needed - 1, durableApplied - 2 * logGcEntries);
      index = Math.min(index, bound);
    }
    if (index < first) return;
    this.#host.note(group, { truncate: group.storage.truncate(index) });
  }
}
