import { fromUtf8, KvError, type Rng, utf8 } from '@tinykv/base';
import type { Client, KvPair, ReadSnapshot, Txn } from '@tinykv/client';
import type { SkewRead } from '../checkers/pair-skew.js';
import type { RangeRead, WriteRecord } from '../checkers/snapshot-reads.js';
import { FINAL_CLIENT, untilRead } from './final-read.js';
import { padded, unpadded } from './padded-value.js';
import {
  countRefusal,
  dawdle,
  lockedRead,
  loop,
  mortalLoop,
  OPERATION_TIMEOUT_MS,
  pessimistic,
  type WorkloadContext,
} from './workload.js';
import { commitRecorded } from './write-record.js';

/** In all that this workload writes. */
const PREFIX = 'q0/';
const BEHIND = `${PREFIX}~`;
const PAIRS = 2;
const WRITES_MAX = 4;
/** How many times as long as others these clients think. */
const THINKS = 4;
/** Timestamps to come back to: enough to reach from now to below the safe point. */
const TIMESTAMPS_KEPT = 60;
/** Sizes of values: the store keeps those of up to 1,024 bytes with the record of their commit. */
const SIZES = [0, 60, 1_023, 1_024, 1_025];
/** Few seeds have a transaction of thousands of keys: the Regions that come of it take their time. */
const BULK_SHARE = 0.02;
const BULK_REGION_BYTES_MIN = 16_000;
const NO_LIMIT = Number.POSITIVE_INFINITY;

type Reads = Pick<ReadSnapshot, 'scan' | 'batchGet'>;

/**
 * Transactions that put, delete and lock keys, and snapshots of them, fresh ones and ones at old timestamps, by keys and
 * by scans of all kinds. Every value is written once, so that a snapshot says which commits it has seen.
 */
export class SnapshotWorkload {
  readonly writes: WriteRecord[] = [];
  readonly reads: RangeRead[] = [];
  readonly skewReads: SkewRead[] = [];
  readonly #context: WorkloadContext;
  readonly #keys: readonly string[];
  readonly #timestamps: bigint[] = [];
  #bulkKeys: number;
  #values = 0;

  constructor(context: WorkloadContext, keys: number) {
    this.#context = context;
    this.#keys = Array.from(
      { length: keys },
      (_, i) => `${PREFIX}key/${String(i).padStart(2, '0')}`,
    );
    const { rng, cluster } = context;
    const bulk = rng.fork('bulk');
    const isLarge =
      bulk.float() < BULK_SHARE && cluster.shape.regionMaxBytes >= BULK_REGION_BYTES_MIN;
    this.#bulkKeys = isLarge ? bulk.int(1_000, 2_500) : 0;
  }

  run(): Promise<unknown> {
    const { cluster, rng, thinkMs } = this.#context;
    const context = { ...this.#context, thinkMs: THINKS * thinkMs };
    const clients = cluster.clients.map((node, i) => {
      const own = rng.fork(`snapshot-${i}`);
      return loop(context, node, own, (client, rngOfStep) => this.#step(client, rngOfStep, i));
    });
    const mortals = cluster.mortals.map((node, i) => {
      const own = rng.fork(`snapshot-mortal-${i}`);
      const id = cluster.clients.length + i;
      return mortalLoop(context, node, own, (client, rngOfStep) =>
        this.#write(client, rngOfStep, id),
      );
    });
    return Promise.all([...clients, ...mortals]);
  }

  /** Reads all keys, when all is healed, and once more what old timestamps show if that is still there. */
  async finalReads(client: Client): Promise<void> {
    await untilRead(this.#context, async () => {
      const call = this.#context.tick();
      const snapshot = await client.snapshot(undefined, { timeoutMs: OPERATION_TIMEOUT_MS });
      const pairs = await snapshot.scan(utf8(PREFIX), { end: utf8(BEHIND) });
      this.#keep(FINAL_CLIENT, call, snapshot.ts, { start: PREFIX, end: BEHIND }, pairs);
      return true;
    });
    for (const ts of this.#timestamps.slice(-3)) {
      await this.#attempt(async () => {
        const call = this.#context.tick();
        const snapshot = await client.snapshot(ts, { timeoutMs: OPERATION_TIMEOUT_MS });
        const pairs = await snapshot.scan(utf8(PREFIX), { end: utf8(BEHIND) });
        this.#keep(FINAL_CLIENT, call, ts, { start: PREFIX, end: BEHIND }, pairs);
      });
    }
  }

  #step(client: Client, rng: Rng, id: number): Promise<void> {
    const draw = rng.float();
    return this.#attempt(() => {
      if (this.#bulkKeys > 0 && this.writes.length > 20) return this.#bulk(client, id);
      if (draw < 0.4) return this.#write(client, rng, id);
      if (draw < 0.55) return this.#readFresh(client, rng, id);
      if (draw < 0.8) return this.#readOld(client, rng, id);
      return this.#shift(client, rng, id);
    });
  }

  /** A transaction that fails before its commit has written nothing; anything but a KvError is a bug of the product. */
  async #attempt(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      countRefusal(this.#context, error);
    }
  }

  async #write(client: Client, rng: Rng, id: number): Promise<void> {
    const call = this.#context.tick();
    const isPessimistic = rng.float() < 0.3;
    const txn = await this.#begin(client, isPessimistic ? pessimistic(rng) : {});
    try {
      const writes = new Map<string, string | undefined>();
      for (let left = rng.int(1, WRITES_MAX + 1); left > 0; left--) {
        this.#change(txn, writes, this.#key(rng), rng);
      }
      if (rng.float() < 0.2) await this.#takeBack(txn, rng, { id, call, writes, isPessimistic });
      // Without a write of its own, such a key gets a record that changes nothing.
      if (rng.float() < 0.5) await txn.lockKeys(utf8(this.#key(rng)));
      await dawdle(this.#context, rng);
      await commitRecorded(this.#context, this.writes, txn, { client: id, call }, writes);
    } finally {
      if (txn.state === 'open') txn.rollback();
    }
  }

  /** Writes since a savepoint are forgotten: the transaction reads what stood there before, and commits none of them. */
  async #takeBack(
    txn: Txn,
    rng: Rng,
    {
      id,
      call,
      writes,
      isPessimistic,
    }: {
      readonly id: number;
      readonly call: number;
      readonly writes: ReadonlyMap<string, string | undefined>;
      readonly isPessimistic: boolean;
    },
  ): Promise<void> {
    const key = this.#key(rng);
    const savepoint = txn.savepoint();
    this.#change(txn, new Map(), key, rng);
    txn.rollbackTo(savepoint);
    if (writes.has(key) || isPessimistic) return;
    const value = await txn.get(utf8(key));
    const pairs = value === undefined ? [] : [{ key: utf8(key), value }];
    this.#keep(id, call, txn.startTs, { start: key, end: `${key}\0` }, pairs);
  }

  #change(txn: Txn, writes: Map<string, string | undefined>, key: string, rng: Rng): void {
    if (rng.float() < 0.25) {
      txn.delete(utf8(key));
      writes.set(key, undefined);
      return;
    }
    const value = `x${++this.#values}`;
    txn.put(utf8(key), padded(value, SIZES[rng.int(0, SIZES.length)]!));
    writes.set(key, value);
  }

  async #readFresh(client: Client, rng: Rng, id: number): Promise<void> {
    const call = this.#context.tick();
    const txn = await this.#begin(client);
    await dawdle(this.#context, rng);
    await this.#read(txn, txn.startTs, rng, { id, call });
  }

  /** At a timestamp that somebody has read at before: down to the safe point, the answer is still the same. */
  async #readOld(client: Client, rng: Rng, id: number): Promise<void> {
    const ts = this.#timestamps[rng.int(0, Math.max(1, this.#timestamps.length))];
    if (ts === undefined) return;
    const call = this.#context.tick();
    const snapshot = await client.snapshot(ts, { timeoutMs: OPERATION_TIMEOUT_MS });
    await this.#read(snapshot, ts, rng, { id, call });
    await this.#readPair(snapshot, ts, rng.int(0, PAIRS), { id, call });
  }

  async #read(
    from: Reads,
    ts: bigint,
    rng: Rng,
    { id, call }: { readonly id: number; readonly call: number },
  ): Promise<void> {
    const keys = this.#keys;
    if (rng.float() < 0.25) {
      const values = await from.batchGet(keys.map(utf8));
      const pairs = keys.flatMap((key, i) => {
        const value = values[i];
        return value === undefined ? [] : [{ key: utf8(key), value }];
      });
      this.#keep(id, call, ts, { start: keys[0]!, end: `${keys.at(-1)}\0` }, pairs);
      return;
    }
    const range = { start: this.#key(rng), end: rng.float() < 0.5 ? BEHIND : this.#key(rng) };
    if (range.start >= range.end) return;
    const how = {
      reverse: rng.float() < 0.5,
      keyOnly: rng.float() < 0.3,
      limit: rng.float() < 0.4 ? rng.int(1, 4) : NO_LIMIT,
    };
    const { limit, ...ways } = how;
    const options = { end: utf8(range.end), ...ways, ...(limit === NO_LIMIT ? {} : { limit }) };
    const pairs = await from.scan(utf8(range.start), options);
    this.#keep(id, call, ts, range, pairs, how);
  }

  /** Deletes one key of a pair under a lock of the other, or puts the one that is missing. */
  async #shift(client: Client, rng: Rng, id: number): Promise<void> {
    const pair = rng.int(0, PAIRS);
    const keys = pairOf(pair);
    const at = keys.map(utf8);
    const call = this.#context.tick();
    const isPessimistic = rng.float() < 0.3;
    const txn = await this.#begin(client, isPessimistic ? pessimistic(rng) : {});
    try {
      const found = isPessimistic
        ? (await lockedRead(txn, at, rng)).map((value) => value !== undefined)
        : await this.#readPair(txn, txn.startTs, pair, { id, call });
      const writes = new Map<string, string | undefined>();
      if (found.every(Boolean)) {
        const gone = rng.int(0, 2);
        txn.delete(at[gone]!);
        writes.set(keys[gone]!, undefined);
        await txn.lockKeys(at[1 - gone]!);
      } else {
        for (const [i, key] of keys.entries()) {
          if (found[i]) continue;
          const value = `x${++this.#values}`;
          txn.put(at[i]!, padded(value, 0));
          writes.set(key, value);
        }
      }
      await commitRecorded(this.#context, this.writes, txn, { client: id, call }, writes);
    } finally {
      if (txn.state === 'open') txn.rollback();
    }
  }

  async #readPair(
    from: Reads,
    ts: bigint,
    pair: number,
    { id, call }: { readonly id: number; readonly call: number },
  ): Promise<readonly [boolean, boolean]> {
    const [left, right] = await from.batchGet(pairOf(pair).map(utf8));
    const present = [left !== undefined, right !== undefined] as const;
    const ret = this.#context.tick();
    this.skewReads.push({ client: id, call, ret, pair: `pair ${pair}`, ts, present });
    return present;
  }

  async #bulk(client: Client, id: number): Promise<void> {
    const count = this.#bulkKeys;
    this.#bulkKeys = 0;
    const call = this.#context.tick();
    const txn = await this.#begin(client);
    const writes = new Map<string, string>();
    for (let i = 0; i < count; i++) {
      const key = `${PREFIX}bulk/${i}`;
      txn.put(utf8(key), padded('bulk', 0));
      writes.set(key, 'bulk');
    }
    await commitRecorded(this.#context, this.writes, txn, { client: id, call }, writes);
    this.#context.tally.event('transaction of thousands of keys');
  }

  async #begin(client: Client, options: Parameters<Client['txn']['begin']>[0] = {}): Promise<Txn> {
    const txn = await client.txn.begin({ timeoutMs: OPERATION_TIMEOUT_MS, ...options });
    this.#timestamps.push(txn.startTs);
    if (this.#timestamps.length > TIMESTAMPS_KEPT) this.#timestamps.shift();
    return txn;
  }

  #keep(
    client: number,
    call: number,
    ts: bigint,
    range: { readonly start: string; readonly end: string },
    pairs: readonly KvPair[],
    how: Pick<RangeRead, 'reverse' | 'keyOnly' | 'limit'> = {
      reverse: false,
      keyOnly: false,
      limit: NO_LIMIT,
    },
  ): void {
    const shown = pairs.map(
      ({ key, value }) => [fromUtf8(key), how.keyOnly ? '' : unpadded(value)] as const,
    );
    const ret = this.#context.tick();
    this.reads.push({ client, call, ret, ts, ...range, ...how, pairs: shown });
  }

  #key(rng: Rng): string {
    return this.#keys[rng.int(0, this.#keys.length)]!;
  }
}

function pairOf(pair: number): readonly [string, string] {
  return [`${PREFIX}pair/${pair}/left`, `${PREFIX}pair/${pair}/right`];
}
