import { assert, type LogIndex, type Rng } from '@tinykv/base';
import { SegmentedRaftLog } from '@tinykv/engine';
import type { Entry, GroupUpdate, LogDamage, RaftLog, RecoveredGroup } from '@tinykv/raft';
import type { Disk } from './disk.js';
import type { NameLoss } from './folder.js';
import { SimLogFiles } from './sim-log-files.js';
import type { NamedBytes } from './stored-folder.js';

/** Sees what became durable in a log: how a checker looks into replicas without their help. */
export type LogObserver = (updates: readonly GroupUpdate[]) => void;

/** Sees more of a log: what it holds at its start, and what it calls durable although a crash could take it away. */
interface DiskObserver {
  opened(groups: readonly RecoveredGroup[]): void;
  appendedUnsynced(writes: number): void;
}

/** Small, so that a run goes through many of them. */
const SEGMENT_BYTES = 32_768;

/**
 * The Raft log of a machine: the production code on simulated files. Of an append that a crash cuts off
 * whoever opens the log next finds out whether it is there.
 */
export class SimRaftLog implements RaftLog {
  readonly #files: SimLogFiles;
  #log: SegmentedRaftLog | undefined;
  /** The append that has not resolved, and the number that it would have. */
  #inFlight: { readonly updates: readonly GroupUpdate[]; readonly sequence: number } | undefined;
  observer: LogObserver | undefined;
  diskObserver: DiskObserver | undefined;

  constructor(disk: Disk) {
    this.#files = new SimLogFiles(disk);
  }

  get syncs(): number {
    return this.#log?.syncs ?? 0;
  }

  async open(): Promise<readonly RecoveredGroup[]> {
    const log = new SegmentedRaftLog(this.#files, { segmentBytes: SEGMENT_BYTES });
    this.#log = log;
    const groups = await log.open();
    this.diskObserver?.opened(groups);
    const survived = this.#inFlight;
    this.#inFlight = undefined;
    if (survived !== undefined && log.sequence === survived.sequence) {
      this.observer?.(survived.updates);
    }
    return groups;
  }

  async append(updates: readonly GroupUpdate[]): Promise<void> {
    const log = this.#opened();
    this.#inFlight = { updates, sequence: log.sequence + 1 };
    // Of an earlier process, or of a write that found the disk full.
    const before = this.#files.unsynced;
    await log.append(updates);
    this.#inFlight = undefined;
    const unsynced = this.#files.unsynced - before;
    if (unsynced > 0) this.diskObserver?.appendedUnsynced(unsynced);
    this.observer?.(updates);
  }

  read(group: number, low: LogIndex, high: LogIndex, maxBytes: number): Promise<Entry[]> {
    return this.#opened().read(group, low, high, maxBytes);
  }

  takeDamage(): readonly LogDamage[] {
    return this.#opened().takeDamage();
  }

  close(): Promise<void> {
    return this.#opened().close();
  }

  /** Takes over the files of another log, which may be in use. */
  copyFrom(other: SimRaftLog): void {
    this.#files.copyFrom(other.#files);
  }

  /** These files are on the disk, as another build has written them. */
  place(files: readonly NamedBytes[]): void {
    for (const [name, bytes] of files) this.#files.place(name, bytes);
  }

  crash(rng: Rng): NameLoss {
    return this.#files.crash(rng).names;
  }

  /** One bit of what was written flips; false when nothing was. */
  rot(rng: Rng): boolean {
    return this.#files.rot(rng);
  }

  /** A sector of a former append went to another place; false when there is too little to take one from. */
  misdirect(rng: Rng): boolean {
    return this.#files.misdirect(rng);
  }

  /** One bit of these very bytes flips; false when they are nowhere. */
  rotAt(needle: Uint8Array): boolean {
    return this.#files.rotAt(needle);
  }

  #opened(): SegmentedRaftLog {
    assert(this.#log !== undefined, 'the raft log is not open');
    return this.#log;
  }
}
