import { assert, EMPTY_BYTES, type Env, errorMessage, OutageLog } from '@tinykv/base';
import { type GatewayKv, GatewayKvError, type KvTxn } from '../kv-port.js';
import { encodeGcItem } from '../model/gc-codec.js';
import { epochKey, gcKey, objectId } from '../model/keys.js';
import type { EpochTable, RedisTxn } from '../model/redis-txn.js';
import { EpochLease } from './epoch-lease.js';
import { EpochRecords, encodeRecord, type SeenRecord } from './epoch-records.js';
import { GatewayRecords } from './gateway-records.js';
import { checkLayout } from './instance-layout.js';

/*
 * A database is emptied by raising its epoch, which is part of the prefix of all its keys. Commands take
 * the epoch from memory, so that GET reads one key of the store. No gateway may use the new epoch
 * while another still begins commands in the old one:
 *
 *   closing  the flusher writes `closing` into the epoch's record; whoever sees it begins nothing more
 *   waiting  until every other gateway has acknowledged that version of the record, or until all leases that
 *            began before are over
 *   open     the flusher's transaction writes the new epoch, with whatever else it does (MULTI), and commits
 *
 * Why this is linearizable, and why a lease needs no timestamp: docs/internals/gateway.md.
 */
export interface EpochsConfig {
  readonly instance: number;
  readonly databases: number;
  /** Unique among live gateways. */
  readonly gatewayId: Uint8Array;
  readonly leaseMs: number;
  readonly renewMs: number;
}

/** What one flush has closed, by database. */
export interface Closing {
  /** The transaction of this flush that closed what it found open. */
  readonly ownTs: bigint;
  /** The closing that each database is under: this flush's own, or one that it has joined. */
  readonly closedBy: ReadonlyMap<number, bigint>;
}

/** While a database is closed its record is read again after this. */
const CLOSED_POLL_MS = 10;
const RETRY_MS = 100;
/** Clocks run at most 5 % fast or slow: a lease of one takes at most 1.05 / 0.95 of it on another. */
const LEASE_MARGIN = 1.125;

export class Epochs {
  readonly #env: Env;
  readonly #kv: GatewayKv;
  readonly #config: EpochsConfig;
  readonly #lease: EpochLease;
  readonly #outage: OutageLog;
  readonly #records: EpochRecords;
  readonly #gateways: GatewayRecords;
  #isRegistered = false;
  /** Versions in this gateway's record. */
  #acknowledged: ReadonlyMap<number, bigint> = new Map();
  #acknowledging: Promise<void> | undefined;
  /** The first sight of each database that is closed now. */
  readonly #closed = new Map<number, { readonly closedBy: bigint; readonly sinceMono: number }>();
  /** This gateway flushes. Invariant: it holds no table then. */
  #isFlushing = false;
  /** Counts beginnings and ends of own flushes: a read across one is not taken. */
  #generation = 0;
  #running = false;
  #wake: (() => void) | undefined;
  #loop: Promise<void> | undefined;
  /** Why the last read or registration failed. */
  #failure = '';

  constructor(env: Env, kv: GatewayKv, config: EpochsConfig) {
    const { instance, databases, gatewayId, leaseMs } = config;
    this.#env = env;
    this.#kv = kv;
    this.#config = config;
    this.#outage = new OutageLog(env, 'epochs were not renewed');
    this.#lease = new EpochLease(env.clock, leaseMs, () => this.#wake?.());
    this.#records = new EpochRecords(kv, instance, databases);
    this.#gateways = new GatewayRecords(kv, instance, gatewayId, leaseMs);
  }

  start(): void {
    assert(!this.#running, 'epochs are started once');
    this.#running = true;
    this.#loop = this.#renewForever();
  }

  /** Takes this gateway out of the records, so that no flush waits for it. */
  async stop(): Promise<void> {
    this.#running = false;
    this.#lease.drop();
    this.#wake?.();
    await this.#loop;
    await this.#acknowledging;
    try {
      await this.#gateways.remove();
    } catch (error) {
      this.#env.logger.warn('gateway record was left behind', { error: errorMessage(error) });
    }
  }

  /** The epochs to begin a command in; undefined while there is no lease or a database is closed. */
  current(): EpochTable | undefined {
    return this.#lease.current();
  }

  /** Waits for a table; throws `unavailable` when none comes in time, or none can come. */
  acquire(timeoutMs: number): Promise<EpochTable> {
    return this.#lease.acquire(timeoutMs, () => {
      const why = this.#closed.size > 0 ? 'a flush has closed it' : this.#failure || 'no answer';
      return new GatewayKvError('unavailable', `the epoch of the database is not known: ${why}`);
    });
  }

  async #renewForever(): Promise<void> {
    while (this.#running) await this.#sleep(await this.#renewOnce());
  }

  /** Returns the pause before the next time. */
  async #renewOnce(): Promise<number> {
    const read = this.#lease.sending();
    try {
      await this.#register();
      const isTaken = await this.#read();
      this.#failure = '';
      this.#outage.worked();
      if (this.#closed.size > 0 || this.#isFlushing) return CLOSED_POLL_MS;
      return isTaken && !this.#lease.isWanted ? this.#config.renewMs : 0;
    } catch (error) {
      this.#failure = errorMessage(error);
      this.#outage.failed({ error: this.#failure });
      if (error instanceof GatewayKvError && error.failure === 'unavailable') {
        this.#lease.fail(error, read);
      }
      return RETRY_MS;
    }
  }

  #sleep(ms: number): Promise<void> {
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#env.clock.after(ms, resolve);
      // What failed is not asked again sooner because more commands wait for it.
      if (this.#failure !== '') return;
      this.#wake = (): void => {
        timer.cancel();
        this.#wake = undefined;
        resolve();
      };
    });
  }

  /** Before the first table is read: so that a flush waits for this gateway, or this gateway sees its closing. */
  async #register(): Promise<void> {
    if (this.#isRegistered) return;
    await checkLayout(this.#kv, this.#config.instance);
    await this.#gateways.write(new Map());
    this.#isRegistered = true;
  }

  /** False: what was read is not to be used, another read is due. */
  async #read(): Promise<boolean> {
    const generation = this.#generation;
    const read = this.#lease.sending();
    const records = await this.#records.newest();
    if (!this.#running) return true;
    if (this.#isFlushing) {
      // Another flush may wait for this gateway, which begins nothing now.
      this.#acknowledge(records);
      return false;
    }
    if (generation !== this.#generation) return false;
    this.#noteClosed(records);
    if (this.#closed.size === 0) {
      this.#lease.take(
        records.map(({ epoch }) => epoch),
        read,
      );
      return true;
    }
    this.#lease.drop();
    this.#acknowledge(records);
    await this.#reopenAbandoned();
    return true;
  }

  #noteClosed(records: readonly SeenRecord[]): void {
    records.forEach(({ closedBy }, db) => {
      if (closedBy === undefined) this.#closed.delete(db);
      else if (this.#closed.get(db)?.closedBy !== closedBy) {
        this.#closed.set(db, { closedBy, sinceMono: this.#env.clock.mono() });
      }
    });
  }

  /**
   * Tells the flusher that nothing more begins here by older versions than these. It takes a timestamp, so it may wait
   * for the scheduler; the flush then waits for the lease.
   */
  #acknowledge(records: readonly SeenRecord[]): void {
    const isNews = records.some(({ closedBy, version }, db) => {
      return closedBy !== undefined && (this.#acknowledged.get(db) ?? 0n) < version;
    });
    if (!isNews || this.#acknowledging !== undefined) return;
    const seen = new Map<number, bigint>();
    for (const [db, { version }] of records.entries()) if (version > 0n) seen.set(db, version);
    this.#acknowledging = this.#gateways
      .write(seen)
      .then(
        () => {
          this.#acknowledged = seen;
        },
        (error: unknown) => {
          this.#env.logger.warn('a flush waits for this lease', { error: errorMessage(error) });
        },
      )
      .finally(() => {
        this.#acknowledging = undefined;
      });
  }

  /** Opens databases whose flusher has not come back for two leases. Any gateway may: the flusher would notice. */
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
    const records = await this.#records.at(txn.startTs);
    for (const [db, record] of records.entries()) {
      if (record.closedBy === undefined || !closedBy.has(record.closedBy)) continue;
      const open = { epoch: record.epoch, closedBy: undefined };
      txn.put(this.#records.keys[db]!, encodeRecord(open));
    }
    await txn.commit();
  }

  /**
   * Stops all gateways from beginning commands, so that the epochs of `databases` can be raised. Ends with
   * {@link flushed} or {@link release}. Throws GatewayKvError; then it has ended.
   */
  async close(databases: readonly number[]): Promise<Closing> {
    assert(!this.#isFlushing, 'a gateway flushes once at a time');
    this.#isFlushing = true;
    this.#generation++;
    this.#lease.drop();
    try {
      return await this.#close(databases);
    } catch (error) {
      this.#resume();
      throw error;
    }
  }

  async #close(databases: readonly number[]): Promise<Closing> {
    // A gateway that may not serve the instance may not empty it either.
    await this.#register();
    const txn = await this.#kv.begin();
    const ownTs = txn.startTs;
    const before = await this.#records.at(ownTs);
    // What another flush has closed is joined, so that two flushes do not close it in turn without end.
    const open = databases.filter((db) => before[db]!.closedBy === undefined);
    for (const db of open) {
      const record = { epoch: before[db]!.epoch, closedBy: ownTs };
      txn.put(this.#records.keys[db]!, encodeRecord(record));
    }
    if (open.length > 0) await txn.commit();
    else await txn.rollback();
    const now = await this.#records.newest();
    const closedBy = new Map(databases.map((db) => [db, closedIn(now, db)]));
    await this.#outwait(new Map(databases.map((db) => [db, now[db]!.version])));
    return { ownTs, closedBy };
  }

  /** Until nobody begins commands by older versions than these. */
  async #outwait(versions: ReadonlyMap<number, bigint>): Promise<void> {
    const { clock } = this.#env;
    const sinceMono = clock.mono();
    let { leaseMs } = this.#config;
    let failure: GatewayKvError | undefined;
    do {
      try {
        const unseen = await this.#gateways.unseen(versions);
        if (unseen.length === 0) return;
        failure = undefined;
        leaseMs = Math.max(leaseMs, ...unseen.map((record) => record.leaseMs));
      } catch (error) {
        if (!(error instanceof GatewayKvError)) throw error;
        // Who has to be waited for is asked again: the lease may be over before the answer matters.
        failure = error;
      }
      await new Promise<void>((resolve) => clock.after(CLOSED_POLL_MS, resolve));
    } while (clock.mono() - sinceMono < LEASE_MARGIN * leaseMs);
    if (failure !== undefined) throw failure;
  }

  /** Opens what `close` has closed, after a flush that did not come to be. */
  async release({ ownTs }: Closing): Promise<void> {
    try {
      await this.#reopen(new Set([ownTs]));
    } catch (error) {
      this.#env.logger.warn('databases open again later', { error: errorMessage(error) });
    }
    this.#resume();
  }

  /**
   * The table inside a transaction that flushes. Throws `conflict` when a database is not under the closing that was
   * waited for: another flush was first, or this one was taken for abandoned and gateways begin commands again.
   */
  async readClosed(txn: KvTxn, { closedBy }: Closing): Promise<EpochTable> {
    const records = await this.#records.at(txn.startTs);
    for (const [db, closing] of closedBy) {
      if (records[db]!.closedBy !== closing) throw notClosed(db);
    }
    for (const key of this.#records.keys) txn.lockKey(key);
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

  /** The transaction that flushed has committed. */
  flushed(): void {
    this.#resume();
  }

  #resume(): void {
    this.#isFlushing = false;
    this.#generation++;
    this.#closed.clear();
    this.#wake?.();
  }
}

function closedIn(records: readonly SeenRecord[], db: number): bigint {
  const { closedBy } = records[db]!;
  if (closedBy === undefined) throw notClosed(db);
  return closedBy;
}

function notClosed(db: number): GatewayKvError {
  return new GatewayKvError('conflict', `database ${db} was opened by another gateway`);
}
