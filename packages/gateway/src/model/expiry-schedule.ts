import { SLOT_COUNT, slotOf } from './slot.js';

/** An entry among the keys that expire. */
export interface KeyExpiry {
  readonly db: number;
  readonly epoch: number;
  readonly key: Uint8Array;
  /** Milliseconds since the Unix epoch, on the scheduler's clock. */
  readonly at: bigint;
}

interface DatabaseSchedule {
  readonly epoch: number;
  /** By slot; infinite: nothing is known to expire. */
  readonly dueMs: Float64Array;
  /** Not above any of them. */
  earliestMs: number;
}

/**
 * When a slot has to be looked at because a key in it expires: what this gateway has written, and what it has seen. One
 * time for each slot, so its size does not grow with the keys. A hint: the entries in the store are the truth.
 */
export class ExpirySchedule {
  readonly #databases = new Map<number, DatabaseSchedule>();

  /** A key of the slot expires at that time. */
  note(db: number, epoch: number, slot: number, dueMs: number): void {
    let schedule = this.#databases.get(db);
    if (schedule === undefined || schedule.epoch < epoch) {
      const never = Number.POSITIVE_INFINITY;
      schedule = { epoch, dueMs: new Float64Array(SLOT_COUNT).fill(never), earliestMs: never };
      this.#databases.set(db, schedule);
    }
    if (schedule.epoch > epoch) return;
    schedule.dueMs[slot] = Math.min(schedule.dueMs[slot]!, dueMs);
    schedule.earliestMs = Math.min(schedule.earliestMs, dueMs);
  }

  /** These entries may have been committed. */
  noteWritten(expiries: readonly KeyExpiry[]): void {
    for (const { db, epoch, key, at } of expiries) this.note(db, epoch, slotOf(key), Number(at));
  }

  /** Databases with a slot that is due. */
  dueDatabases(nowMs: number): number[] {
    const due: number[] = [];
    for (const [db, { earliestMs }] of this.#databases) if (earliestMs <= nowMs) due.push(db);
    return due;
  }

  /** Takes out up to `max` slots that are due, in order. Who cannot look at them puts them back. */
  takeDue(db: number, epoch: number, nowMs: number, max: number): number[] {
    const schedule = this.#databases.get(db);
    // A later epoch is known: the caller has an old table.
    if (schedule === undefined || schedule.epoch > epoch) return [];
    if (schedule.epoch < epoch) {
      // The database was flushed.
      this.#databases.delete(db);
      return [];
    }
    const { dueMs } = schedule;
    const taken: number[] = [];
    let earliestMs = Number.POSITIVE_INFINITY;
    for (let slot = 0; slot < SLOT_COUNT; slot++) {
      if (taken.length < max && dueMs[slot]! <= nowMs) {
        taken.push(slot);
        dueMs[slot] = Number.POSITIVE_INFINITY;
      } else if (dueMs[slot]! < earliestMs) earliestMs = dueMs[slot]!;
    }
    schedule.earliestMs = earliestMs;
    return taken;
  }
}
