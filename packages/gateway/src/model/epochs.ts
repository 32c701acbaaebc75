import {
  assert,
  ByteReader,
  ByteWriter,
  EMPTY_BYTES,
  type Env,
  equalBytes,
  errorMessage,
  TS_MAX,
} from '@tinykv/base';
import { type GatewayKv, GatewayKvError, type KvPair, type KvTxn } from '../kv-port.js';
import { encodeGcItem } from './gc-codec.js';
import {
  epochBounds,
  epochKey,
  gatewayBounds,
  gatewayKey,
  gcKey,
  objectId,
  parseEpochKey,
} from './keys.js';
import type { EpochTable, RedisTxn } from './redis-txn.js';

/*
 * A database is emptied by raising its epoch, which is part of the prefix of all its keys. Commands take
 * the epoch from memory, so that GET reads one key of the store. No gateway may use the new epoch
 * while another still begins commands in the old one:
 *
 *   closing  the flusher writes `closing` into the epoch's record; whoever sees it begins nothing more
 *   waiting  until every other gateway has told in its own record that it saw a later table, or until all
 *            leases that began before are over
 *   open     the flusher's transaction writes the new epoch, with whatever else it does (MULTI), and commits
 *
 * Every command of the old epoch then began before the commit of the new one, and every command of the
 * new one after it: the flush stands between them. A command of the old epoch that finishes later was
 * concurrent with the flush. A lease runs from before its table was read. A gateway writes its own record
 * before it reads the table (and the flusher reads the records after it wrote `closing`), so
 * that either the flusher waits for it or it sees `closing`. A flusher that died is outlasted: after two leases anyone
 * may open the database again in its old epoch, which the flusher's transaction would notice.
 */
export interface EpochRecord {
  readonly epoch: number;
  /** The transaction that closed the database; undefined while it is open. */
  readonly closedBy: bigint | undefined;
}

export interface EpochsConfig {
  readonly instance: number;
  readonly databases: number;
  /** Unique among live gateways. */
  readonly gatewayId: Uint8Array;
  readonly leaseMs: number;
  readonly renewMs: number;
}

/** While a database is closed its record is read again after this. */
const CLOSED_POLL_MS = 10;
const RETRY_MS = 100;
/** What clocks may differ in rate, over one lease. */
const LEASE_MARGIN = 1.1;
/** How long a command waits for a table. */
const ACQUIRE_TIMEOUT_MS = 5_000;
const EPOCH_PAGE = 4_096;
const OPEN: EpochRecord = { epoch: 0, closedBy: undefined };

export class Epochs {
  readonly #env: Env;
  readonly #kv: GatewayKv;
  readonly #config: EpochsConfig;
  readonly #ownKey: Uint8Array;
  #table: EpochTable | undefined;
  #leaseEndMono = 0;
  /** Snapshot of the newest table that was read; what this gateway acknowledges. */
  #seenTs = 0n;
  /** Tables read at an older snapshot are not taken: this gateway has closed a database since. */
  #floorTs = 0n;
  /** The first sight of each database that is closed now. */
  readonly #closed = new Map<number, { readonly closedBy: bigint; readonly sinceMono: number }>();
  #waiters: { resolve(table: EpochTable): void; reject(error: Error): void }[] = [];
  #running = false;
  #wake: (() => void) | undefined;
  #loop: Promise<void> | undefined;

  constructor(env: Env, kv: GatewayKv, config: EpochsConfig) {
    this.#env = env;
    this.#kv = kv;
    this.#config = config;
    this.#ownKey = gatewayKey(config.instance, config.gatewayId);
  }

  start(): void {
    assert(!this.#running, 'epochs are started once');
    this.#running = true;
    this.#loop = this.#renewForever();
  }

  /** Takes this gateway out of the records, so that no flush waits for it. */
  async stop(): Promise<void> {
    this.#running = false;
    this.#table = undefined;
    this.#wake?.();
    await this.#loop;
    try {
      const txn = await this.#kv.begin();
      txn.delete(this.#ownKey);
      await txn.commit();
    } catch (error) {
      this.#env.logger.warn('gateway record was left behind', { error: errorMessage(error) });
    }
  }

  /** The epochs to begin a command in; undefined while there is no lease or a database is closed. */
  current(): EpochTable | undefined {
    return this.#env.clock.mono() < this.#leaseEndMono ? this.#table : undefined;
  }

  /** Waits for a table; throws `unavailable` when none comes in time. */
  acquire(): Promise<EpochTable> {
    const table = this.current();
    if (table !== undefined) return Promise.resolve(table);
    return new Promise((resolve, reject) => {
      const timer = this.#env.clock.after(ACQUIRE_TIMEOUT_MS, () => {
        this.#waiters = this.#waiters.filter((waiter) => waiter !== entry);
        reject(new GatewayKvError('unavailable', 'the epoch of the database is not known'));
      });
      const entry = {
        resolve: (found: EpochTable): void => {
          timer.cancel();
          resolve(found);
        },
        reject,
      };
      this.#waiters.push(entry);
    });
  }

  async #renewForever(): Promise<void> {
    while (this.#running) await this.#sleep(await this.#renewOnce(), true);
  }

  /** Returns the pause before the next time. */
  async #renewOnce(): Promise<number> {
    try {
      await this.#renew();
      return this.#closed.size > 0 ? CLOSED_POLL_MS : this.#config.renewMs;
    } catch (error) {
      this.#env.logger.warn('epochs were not renewed', { error: errorMessage(error) });
      return RETRY_MS;
    }
  }

  #sleep(ms: number, wakeable: boolean): Promise<void> {
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#env.clock.after(ms, () => resolve());
      if (wakeable) {
        this.#wake = (): void => {
          timer.cancel();
          this.#wake = undefined;
          resolve();
        };
      }
    });
  }

  async #renew(): Promise<void> {
    const write = await this.#kv.begin();
    write.put(this.#ownKey, new ByteWriter(8).timestamp(this.#seenTs).finish());
    await write.commit();
    const beforeRead = this.#env.clock.mono();
    const txn = await this.#kv.begin();
    const records = await this.#readRecords(txn);
    await txn.rollback();
    if (!this.#running || txn.startTs < this.#floorTs) return;
    this.#seenTs = txn.startTs;
    this.#noteClosed(records);
    if (this.#closed.size > 0) {
      this.#table = undefined;
      await this.#reopenAbandoned();
      return;
    }
    this.#table = records.map((record) => record.epoch);
    this.#leaseEndMono = beforeRead + this.#config.leaseMs;
    this.#serveWaiters();
  }

  #serveWaiters(): void {
    const table = this.current();
    if (table === undefined) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.resolve(table);
  }

  #noteClosed(records: readonly EpochRecord[]): void {
    records.forEach((record, db) => {
      const known = this.#closed.get(db);
      if (record.closedBy === undefined) this.#closed.delete(db);
      else if (known?.closedBy !== record.closedBy) {
        this.#closed.set(db, { closedBy: record.closedBy, sinceMono: this.#env.clock.mono() });
      }
    });
  }

  async #readRecords(txn: KvTxn): Promise<EpochRecord[]> {
    const { start, end } = epochBounds(this.#config.instance);
    const pairs = await txn.scan(start, end, EPOCH_PAGE);
    const records = new Array<EpochRecord>(this.#config.databases).fill(OPEN);
    for (const pair of pairs) {
      const db = parseEpochKey(pair.key);
      if (db < records.length) records[db] = decodeRecord(pair.value);
    }
    return records;
  }

  /** Opens databases whose flusher has not come back for two leases. */
  async #reopenAbandoned(): Promise<void> {
    const longAgo = this.#env.clock.mono() - 2 * LEASE_MARGIN * this.#config.leaseMs;
    const abandoned = new Set<bigint>();
    for (const closed of this.#closed.values()) {
      if (closed.sinceMono <= longAgo) abandoned.add(closed.closedBy);
    }
    if (abandoned.size === 0) return;
    this.#env.logger.warn('a flush was abandoned, its databases open again');
    await this.#reopen(abandoned);
  }

  /** Opens, in their old epochs, the databases that these transactions have closed. */
  async #reopen(closedBy: ReadonlySet<bigint>): Promise<void> {
    const txn = await this.#kv.begin();
    const records = await this.#readRecords(txn);
    for (const [db, record] of records.entries()) {
      if (record.closedBy === undefined || !closedBy.has(record.closedBy)) continue;
      const open = { epoch: record.epoch, closedBy: undefined };
      txn.put(epochKey(this.#config.instance, db), encodeRecord(open));
    }
    await txn.commit();
  }

  /**
   * Stops all gateways from beginning commands, so that the epochs of `databases` can be raised. May be
   * called again when the transaction that was to raise them has failed. Returns what `release` takes.
   */
  async close(databases: readonly number[]): Promise<bigint> {
    const txn = await this.#kv.begin();
    const records = await this.#readRecords(txn);
    for (const db of databases) {
      const record = { epoch: records[db]!.epoch, closedBy: txn.startTs };
      txn.put(epochKey(this.#config.instance, db), encodeRecord(record));
    }
    const floorTs = this.#floorTs;
    this.#floorTs = TS_MAX;
    this.#table = undefined;
    try {
      await txn.commit();
      this.#floorTs = await this.#kv.timestamp();
    } catch (error) {
      this.#floorTs = floorTs;
      throw error;
    }
    for (const db of databases) {
      this.#closed.set(db, { closedBy: txn.startTs, sinceMono: this.#env.clock.mono() });
    }
    const deadline = this.#env.clock.mono() + LEASE_MARGIN * this.#config.leaseMs;
    const closedTs = this.#floorTs;
    while (this.#env.clock.mono() < deadline) {
      if (await this.#allHaveSeen(closedTs)) break;
      await this.#sleep(CLOSED_POLL_MS, false);
    }
    return txn.startTs;
  }

  /** Opens what `close` has closed, after a flush that did not come to be. */
  async release(closedBy: bigint): Promise<void> {
    try {
      await this.#reopen(new Set([closedBy]));
      this.#wake?.();
    } catch (error) {
      this.#env.logger.warn('databases open again later', { error: errorMessage(error) });
    }
  }

  async #allHaveSeen(ts: bigint): Promise<boolean> {
    const { start, end } = gatewayBounds(this.#config.instance);
    const txn = await this.#kv.begin();
    const pairs: KvPair[] = await txn.scan(start, end, EPOCH_PAGE);
    await txn.rollback();
    assert(pairs.length < EPOCH_PAGE, 'too many gateway records');
    return pairs.every(
      (pair) => equalBytes(pair.key, this.#ownKey) || new ByteReader(pair.value).timestamp() >= ts,
    );
  }

  /**
   * The table inside a transaction that flushes `databases`. Throws `conflict` when one of them is open:
   * another flush was first, or this one was taken for abandoned.
   */
  async readClosed(txn: KvTxn, databases: readonly number[]): Promise<EpochTable> {
    const records = await this.#readRecords(txn);
    for (const db of databases) {
      if (records[db]!.closedBy === undefined) {
        throw new GatewayKvError('conflict', `database ${db} was opened by another gateway`);
      }
    }
    for (const db of records.keys()) txn.lockKey(epochKey(this.#config.instance, db));
    return records.map((record) => record.epoch);
  }

  /** Raises the epoch of `db` in `txn`, which sees the empty database from here on. */
  raise(txn: RedisTxn, db: number): void {
    const old = txn.epochs[db]!;
    txn.enterEpoch(db, old + 1);
    const record = { epoch: old + 1, closedBy: undefined };
    txn.put(epochKey(this.#config.instance, db), encodeRecord(record));
    // An id of its own is only needed to name the item: an epoch is known by its database and number.
    const item = encodeGcItem({ kind: 'epoch', db, epoch: old, cursor: EMPTY_BYTES });
    txn.put(gcKey(this.#config.instance, txn.kv.startTs, objectId(BigInt(db), 0)), item);
  }

  /** The transaction that flushed, begun at `startTs`, has committed with these epochs. */
  flushed(table: EpochTable, startTs: bigint): void {
    // What was closed later than `startTs` was closed after this flush, which would have conflicted.
    for (const [db, closed] of this.#closed) {
      if (closed.closedBy <= startTs) this.#closed.delete(db);
    }
    if (this.#closed.size > 0) return;
    this.#table = table;
    this.#serveWaiters();
    if (this.#waiters.length > 0) this.#wake?.();
  }
}

function encodeRecord(record: EpochRecord): Uint8Array {
  return new ByteWriter(12)
    .u32(record.epoch)
    .timestamp(record.closedBy ?? 0n)
    .finish();
}

/** The record under an epoch key. Throws CodecError. */
export function decodeRecord(bytes: Uint8Array): EpochRecord {
  const reader = new ByteReader(bytes);
  const epoch = reader.u32();
  const closedBy = reader.timestamp();
  return { epoch, closedBy: closedBy === 0n ? undefined : closedBy };
}
