import type { Job, OneKeyUse } from '../job.js';
import type { KvChange, KvRead, KvWrite } from '../kv-port.js';
import type { KeyExpiry } from '../model/expiry-schedule.js';
import type { TouchedKey } from '../model/redis-txn.js';

/** The need of a group for its key: nothing but that it can be read, or that it is written. */
export type GroupUse = OneKeyUse | 'reads';

const NO_RECORD = new Uint8Array(0);

/**
 * Commands of one key that run together in a turn: what is read for them, and the one write that they come to. Each of them
 * sees what those before it have written.
 */
export class KeyGroup implements KvRead, KvWrite {
  /** In their order, as they hold the queue of the key; for reads that pass it, all of this turn. */
  readonly batch: Job[];
  readonly touched: TouchedKey;
  readonly isQueued: boolean;
  /** Those of the batch that are not answered. */
  jobs: readonly Job[];
  use: GroupUse;
  attempt = 1;
  /** Monotonic milliseconds; 0: it has not begun. */
  deadlineMono = 0;

  /** The record of the key in the epoch of the attempt. */
  key: Uint8Array = NO_RECORD;
  isRead = false;
  found: Uint8Array | undefined;
  version = 0n;
  /** Who makes the attempt: what another one hears of it counts no more. */
  owner: object | undefined;
  /** The key holds what an overwriting command must look at. */
  #mustLook = false;

  ts = 0n;
  condition: KvWrite['condition'] = { type: 'version', version: 0n };
  value: Uint8Array | undefined;
  companions: readonly KvChange[] = [];
  /** Entries that the write adds to those that expire. */
  expiries: readonly KeyExpiry[] = [];

  constructor(batch: Job[], touched: TouchedKey, isQueued: boolean) {
    this.batch = batch;
    this.touched = touched;
    this.isQueued = isQueued;
    this.jobs = batch;
    this.use = useOf(batch);
  }

  /** Another attempt, for those who still wait. */
  begin(record: Uint8Array, owner: object): void {
    this.key = record;
    this.owner = owner;
    this.isRead = false;
    this.found = undefined;
  }

  /** Reads first from now on. */
  lookFirst(): void {
    this.#mustLook = true;
    this.use = 'changes';
  }

  /** Leaves out those that were answered; nothing of them has been written. */
  dropOver(): void {
    this.jobs = this.batch;
    if (!this.batch.some((job) => job.isOver)) return;
    this.jobs = this.batch.filter((job) => !job.isOver);
    if (this.jobs.length > 0 && !this.#mustLook) this.use = useOf(this.jobs);
  }
}

/** After one that overwrites, the others see what it wrote. */
function useOf(batch: readonly Job[]): GroupUse {
  const first = batch[0]!.work.step!.use;
  if (first === 'overwrites') return first;
  return batch.every(({ work }) => work.step!.use === 'reads') ? 'reads' : 'changes';
}
