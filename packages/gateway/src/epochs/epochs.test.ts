import { fakeEnv } from '@tinykv/base/testing';
import { describe, expect, test } from 'vitest';
import { RedisTxn } from '../model/redis-txn.js';
import { FaultyKv } from '../testing/faulty-kv.js';
import { MemoryKv } from '../testing/memory-kv.js';
import { TestClock } from '../testing/test-clock.js';
import { type Closing, Epochs } from './epochs.js';
import { decodeGatewayRecord, encodeGatewayRecord } from './gateway-records.js';

const LEASE_MS = 3_000;

interface Member {
  readonly epochs: Epochs;
  readonly link: FaultyKv;
}

class World {
  readonly clock = new TestClock();
  readonly kv = new MemoryKv(this.clock);

  async join(name: number): Promise<Member> {
    const link = new FaultyKv(this.kv);
    const env = fakeEnv({ seed: name, clock: this.clock });
    const epochs = new Epochs(env, link, {
      instance: 1,
      databases: 2,
      gatewayId: Uint8Array.of(name),
      leaseMs: LEASE_MS,
      renewMs: 1_000,
    });
    epochs.start();
    await this.clock.settle();
    return { epochs, link };
  }

  /** The transaction of a flush; rejects when it may not go on. */
  async raise({ epochs, link }: Member, closing: Closing, db: number): Promise<void> {
    const kvTxn = await link.begin();
    const txn = new RedisTxn(kvTxn, 1, await epochs.readClosed(kvTxn, closing));
    epochs.raise(txn, db);
    await txn.guardReads();
    await txn.commit();
    epochs.flushed();
  }
}

describe('flushes of several gateways', () => {
  test('a flush that was outlasted does not pass on the wait of another', async () => {
    const world = new World();
    const late = await world.join(1);
    const other = await world.join(2);
    const reader = await world.join(3);
    const closing = world.clock.runUntil(late.epochs.close([0]));
    const first = await closing;
    // The flusher sleeps; the others take it for abandoned and begin commands again.
    await world.clock.run(10_000);
    expect(reader.epochs.current()).toEqual([0, 0]);
    // Another flush closes the database. The reader cannot be told, and goes on by its lease.
    reader.link.gate = new Promise(() => {});
    void other.epochs.close([0]);
    await world.clock.run(100);
    expect(reader.epochs.current()).toEqual([0, 0]);
    await expect(world.raise(late, first, 0)).rejects.toMatchObject({ failure: 'conflict' });
  });

  test('two flushes of one database at once: both come to an end, one after the other', async () => {
    const world = new World();
    const one = await world.join(1);
    const two = await world.join(2);
    const first = one.epochs.close([0]);
    await world.clock.settle();
    const closings = await world.clock.runUntil(Promise.all([first, two.epochs.close([0, 1])]));
    expect(closings[1]!.closedBy.get(0)).toBe(closings[0]!.closedBy.get(0));
    await world.raise(one, closings[0]!, 0);
    await expect(world.raise(two, closings[1]!, 0)).rejects.toMatchObject({ failure: 'conflict' });
    await two.epochs.release(closings[1]!);
    await world.clock.run(1_000);
    expect(one.epochs.current()).toEqual([1, 0]);
    expect(two.epochs.current()).toEqual([1, 0]);
  });

  test('a read that was sent before an own flush gives no lease after it', async () => {
    const world = new World();
    const member = await world.join(1);
    let answer = (): void => undefined;
    member.link.afterVersions = () => {
      member.link.afterVersions = undefined;
      return new Promise((resolve) => {
        answer = resolve;
      });
    };
    await world.clock.run(1_000);
    const closing = await world.clock.runUntil(member.epochs.close([0]));
    await world.raise(member, closing, 0);
    answer();
    await world.clock.settle();
    expect(member.epochs.current() ?? [1, 0]).toEqual([1, 0]);
    await world.clock.run(100);
    expect(member.epochs.current()).toEqual([1, 0]);
  });

  test('a flush waits for the longest lease of those that do not answer', async () => {
    const world = new World();
    const one = await world.join(1);
    const txn = await world.kv.begin();
    const dead = encodeGatewayRecord({ leaseMs: 7_000, seen: new Map([[0, 5n]]) });
    txn.put(Uint8Array.of(0x52, 0, 0, 0, 1, 0x47, 9), dead);
    await txn.commit();
    const begunMono = world.clock.mono();
    await world.clock.runUntil(one.epochs.close([0]));
    expect(world.clock.mono() - begunMono).toBeGreaterThan(7_000 * 1.106);
    expect(world.clock.mono() - begunMono).toBeLessThan(7_000 * 1.15);
  });
});

describe('the record of a gateway', () => {
  test('comes back as it was written', () => {
    const seen = new Map([
      [0, 0xffff_ffff_ffff_fffen],
      [4_095, 1n],
    ]);
    const bytes = encodeGatewayRecord({ leaseMs: 3_000, seen });
    expect(decodeGatewayRecord(bytes, [])).toEqual({ leaseMs: 3_000, seen });
  });

  test('of the old format names a snapshot, which has seen what was committed up to it', () => {
    const bytes = Uint8Array.of(0, 0, 0, 0, 0, 0, 1, 2);
    const { leaseMs, seen } = decodeGatewayRecord(bytes, [3, 4]);
    expect(leaseMs).toBe(3_000);
    expect([...seen]).toEqual([
      [3, 258n],
      [4, 258n],
    ]);
  });
});
