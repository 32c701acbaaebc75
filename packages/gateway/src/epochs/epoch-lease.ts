import type { Clock, Timer } from '@tinykv/base';
import type { EpochTable } from '../model/redis-txn.js';

/** A read of the table, as it is sent. */
export interface TableRead {
  readonly number: number;
  /** Monotonic milliseconds. */
  readonly sentMono: number;
}

interface Waiter {
  /** The number of the first read that was sent after it came. */
  readonly read: number;
  readonly timer: Timer;
  readonly resolve: (table: EpochTable) => void;
  readonly reject: (error: Error) => void;
}

/**
 * The epochs in which commands may begin. A table that was read open may be used
 *
 * - by every command until the lease is over, which runs from the moment at which the read was sent;
 * - by a command that came before the read was sent, however late the answer is: no flush that is not in the table
 *   had been committed when that command came, so it may stand before that flush.
 *
 * By the second rule a machine on which a read takes longer than the lease serves its commands all the same.
 */
export class EpochLease {
  readonly #clock: Clock;
  readonly #leaseMs: number;
  readonly #onWanted: () => void;
  #table: EpochTable | undefined;
  #endMono = 0;
  #reads = 0;
  #waiters: Waiter[] = [];

  /** `onWanted`: a command waits and the table must be read. */
  constructor(clock: Clock, leaseMs: number, onWanted: () => void) {
    this.#clock = clock;
    this.#leaseMs = leaseMs;
    this.#onWanted = onWanted;
  }

  current(): EpochTable | undefined {
    return this.#clock.mono() < this.#endMono ? this.#table : undefined;
  }

  get isWanted(): boolean {
    return this.#waiters.length > 0;
  }

  /** Waits for a table; rejects with what `late` gives after `timeoutMs`. */
  acquire(timeoutMs: number, late: () => Error): Promise<EpochTable> {
    const table = this.current();
    if (table !== undefined) return Promise.resolve(table);
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(Math.max(0, timeoutMs), () => {
        this.#waiters = this.#waiters.filter((other) => other !== waiter);
        reject(late());
      });
      const waiter = { read: this.#reads + 1, timer, resolve, reject };
      this.#waiters.push(waiter);
      this.#onWanted();
    });
  }

  /** To be called right before a read of the table is sent. */
  sending(): TableRead {
    return { number: ++this.#reads, sentMono: this.#clock.mono() };
  }

  /** The read found all databases open in these epochs. */
  take(table: EpochTable, read: TableRead): void {
    this.#table = table;
    this.#endMono = read.sentMono + this.#leaseMs;
    const holds = this.current() !== undefined;
    for (const waiter of this.#waitersUpTo(holds ? Number.POSITIVE_INFINITY : read.number)) {
      waiter.resolve(table);
    }
  }

  /** No command begins by what was read up to now. */
  drop(): void {
    this.#table = undefined;
    this.#endMono = 0;
  }

  /** The read has failed for good: those who came before it need not wait for another. */
  fail(error: Error, read: TableRead): void {
    for (const waiter of this.#waitersUpTo(read.number)) waiter.reject(error);
  }

  /** Takes out those who came before a read was sent. */
  #waitersUpTo(read: number): readonly Waiter[] {
    const taken = this.#waiters.filter((waiter) => waiter.read <= read);
    if (taken.length > 0) this.#waiters = this.#waiters.filter((waiter) => waiter.read > read);
    for (const { timer } of taken) timer.cancel();
    return taken;
  }
}
