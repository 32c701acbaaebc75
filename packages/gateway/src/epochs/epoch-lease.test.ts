import { ManualClock } from '@tinykv/base/testing';
import { describe, expect, test } from 'vitest';
import type { EpochTable } from '../model/redis-txn.js';
import { EpochLease } from './epoch-lease.js';

const LEASE_MS = 3_000;
const OLD: EpochTable = [1];

function lease(): { clock: ManualClock; lease: EpochLease } {
  const clock = new ManualClock();
  return { clock, lease: new EpochLease(clock, LEASE_MS, () => undefined) };
}

/** What has become of a waiting command. */
function watch(acquiring: Promise<EpochTable>): { outcome: EpochTable | string } {
  const seen: { outcome: EpochTable | string } = { outcome: 'waits' };
  acquiring.then(
    (table) => {
      seen.outcome = table;
    },
    (error: Error) => {
      seen.outcome = error.message;
    },
  );
  return seen;
}

const late = (): Error => new Error('late');

describe('the lease of a table', () => {
  test('runs from the sending of its read, not from the answer', async () => {
    const { clock, lease: held } = lease();
    const read = held.sending();
    await clock.run(2_000);
    held.take(OLD, read);
    await clock.run(999);
    expect(held.current()).toBe(OLD);
    await clock.run(1);
    expect(held.current()).toBeUndefined();
  });

  test('a read that took longer serves those who came before it was sent, and nobody else', async () => {
    const { clock, lease: held } = lease();
    const before = watch(held.acquire(60_000, late));
    const read = held.sending();
    const after = watch(held.acquire(60_000, late));
    await clock.run(LEASE_MS);
    held.take(OLD, read);
    await clock.settle();
    expect(held.current()).toBeUndefined();
    expect(before.outcome).toBe(OLD);
    expect(after.outcome).toBe('waits');
    const next = held.sending();
    await clock.run(LEASE_MS);
    held.take([2], next);
    await clock.settle();
    expect(after.outcome).toEqual([2]);
  });

  test('a read that answers in time serves all who wait', async () => {
    const { clock, lease: held } = lease();
    const read = held.sending();
    const after = watch(held.acquire(60_000, late));
    await clock.run(LEASE_MS - 1);
    held.take(OLD, read);
    await clock.settle();
    expect(after.outcome).toBe(OLD);
  });

  test('a read that failed refuses those who came before it was sent', async () => {
    const { clock, lease: held } = lease();
    const before = watch(held.acquire(60_000, late));
    const read = held.sending();
    const after = watch(held.acquire(60_000, late));
    held.fail(new Error('away'), read);
    await clock.settle();
    expect([before.outcome, after.outcome]).toEqual(['away', 'waits']);
    await clock.run(60_000);
    expect(after.outcome).toBe('late');
    expect(held.isWanted).toBe(false);
  });

  test('ends at once when it is dropped', () => {
    const { lease: held } = lease();
    held.take(OLD, held.sending());
    held.drop();
    expect(held.current()).toBeUndefined();
  });
});
