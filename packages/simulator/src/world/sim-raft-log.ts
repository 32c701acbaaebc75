import { KvError, type LogIndex, type Rng } from '@tinykv/base';
import { MemoryRaftLog } from '@tinykv/engine';
import type { Entry, GroupUpdate, RaftLog, RecoveredGroup } from '@tinykv/raft';
import type { Disk } from './disk.js';

/** Sees what became durable in a log: how a checker looks into replicas without their help. */
export type LogObserver = (updates: readonly GroupUpdate[]) => void;

/**
 * The Raft log of a machine. An append takes the disk's time; a crash while it runs leaves it on the disk
 * whole or not at all, and nobody has heard of it. Entries may rot: then whoever reads them is told.
 */
export class SimRaftLog implements RaftLog {
  readonly #disk: Disk;
  readonly #log: MemoryRaftLog;
  readonly #rotten = new Map<number, LogIndex>();
  observer: LogObserver | undefined;

  constructor(disk: Disk) {
    this.#disk = disk;
    this.#log = new MemoryRaftLog(async () => {
      await disk.write('log append');
      await disk.sync('log sync');
    });
  }

  get syncs(): number {
    return this.#log.syncs;
  }

  async open(): Promise<readonly RecoveredGroup[]> {
    await this.#disk.read('log open');
    for (const group of this.#rotten.keys()) this.#check(group, 0, Number.POSITIVE_INFINITY);
    return this.#log.open();
  }

  async append(updates: readonly GroupUpdate[]): Promise<void> {
    await this.#log.append(updates);
    this.observer?.(updates);
  }

  async read(group: number, low: LogIndex, high: LogIndex, maxBytes: number): Promise<Entry[]> {
    await this.#disk.read('log read');
    this.#check(group, low, high);
    return this.#log.read(group, low, high, maxBytes);
  }

  close(): Promise<void> {
    return this.#log.close();
  }

  crash(rng: Rng): void {
    const kept = this.#log.crash(rng.int(0, 2) === 1 ? 'kept' : 'lost');
    this.observer?.(kept);
  }

  /** One entry that the log holds rots; false when it holds none. */
  rot(rng: Rng): boolean {
    const groups = this.#log.groups().filter((group) => group.lastIndex > group.truncated.index);
    const chosen = groups[rng.int(0, Math.max(1, groups.length))];
    if (chosen === undefined) return false;
    this.#rotten.set(chosen.group, rng.int(chosen.truncated.index + 1, chosen.lastIndex + 1));
    return true;
  }

  /** Throws when [low, high) has a rotten entry that the log still holds. */
  #check(group: number, low: LogIndex, high: LogIndex): void {
    const index = this.#rotten.get(group);
    if (index === undefined || index < low || index >= high) return;
    const held = this.#log.groups().find((one) => one.group === group);
    if (held === undefined || index <= held.truncated.index || index > held.lastIndex) return;
    throw new KvError('DATA_LOSS', `raft log: entry ${index} of group ${group}: checksum mismatch`);
  }
}
