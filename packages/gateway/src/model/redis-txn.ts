import { assert, CodecError, EMPTY_BYTES, keyString, limits, physicalMs } from '@tinykv/base';
import { GatewayKvError, type KvPair, type KvTxn } from '../kv-port.js';
import type { KeyExpiry } from './expiry-schedule.js';
import { encodeGcItem } from './gc-codec.js';
import {
  type DataTag,
  databasePrefix,
  dataKey,
  gcKey,
  type KeyBounds,
  META_GROUPS,
  metaBounds,
  metaKey,
  objectId,
  ttlKey,
} from './keys.js';
import {
  encodeMeta,
  isExpired,
  META_HEAD_BYTES,
  type Meta,
  readMeta,
  type StoredMeta,
  UNREADABLE,
} from './meta-codec.js';
import { type Pace, stepsOf, UNPACED } from './pace.js';

/** The epoch of each database, valid while the transaction begins (see `epochs/epochs.ts`). */
export type EpochTable = readonly number[];

export interface TouchedKey {
  readonly db: number;
  readonly key: Uint8Array;
}

/** One string for each key of each database. */
export function nameOf(key: TouchedKey): string {
  return `${key.db}/${keyString(key.key)}`;
}

const TTL_VALUE: Uint8Array = Uint8Array.of(1);

/**
 * One transaction over the Redis databases of an instance: what every command handler works on, whether
 * it runs alone, in EXEC or with others of its key.
 */
export class RedisTxn {
  readonly kv: KvTxn;
  readonly instance: number;
  /** The time of this transaction, for all that expires: the same for every command in it. */
  readonly nowMs: number;
  readonly pace: Pace;
  /** Entries that it adds to those that expire. */
  readonly expiries: KeyExpiry[] = [];
  readonly #databases = new Map<number, Database>();
  readonly #epochs: number[];
  #guarded = false;
  #ids = 0;
  #writeBytes = 0;
  #writeKeys = 0;

  constructor(
    kv: KvTxn,
    instance: number,
    epochs: EpochTable,
    pace: Pace = UNPACED,
    nowMs: number = physicalMs(kv.startTs),
  ) {
    this.kv = kv;
    this.instance = instance;
    this.nowMs = nowMs;
    this.pace = pace;
    this.#epochs = [...epochs];
  }

  get hasWrites(): boolean {
    return this.#writeKeys > 0;
  }

  database(db: number): Database {
    const known = this.#databases.get(db);
    if (known !== undefined) return known;
    const epoch = this.#epochs[db];
    assert(epoch !== undefined, () => `no epoch for database ${db}`);
    const made = new Database(this, db, epoch);
    this.#databases.set(db, made);
    return made;
  }

  /** From here on the transaction sees database `db` as it is in `epoch`. */
  enterEpoch(db: number, epoch: number): void {
    this.#epochs[db] = epoch;
    this.#databases.delete(db);
  }

  /** Epochs as this transaction leaves them. */
  get epochs(): EpochTable {
    return this.#epochs;
  }

  newId(): Uint8Array {
    assert(this.#ids < 0x1_0000, 'more than 65,536 large objects in one transaction');
    return objectId(this.kv.startTs, this.#ids++);
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#account(key.length + value.length);
    this.kv.put(key, value);
  }

  delete(key: Uint8Array): void {
    this.#account(key.length);
    this.kv.delete(key);
  }

  /** Throws `too-large` at once when so many writes more cannot be had. */
  expectWrites(count: number): void {
    if (this.#writeKeys + count > limits.gatewayTxnKeysMax) throw tooManyKeys();
  }

  /** Refused while it is built, long before it is proposed. */
  #account(bytes: number): void {
    this.expectWrites(1);
    this.#writeBytes += bytes;
    this.#writeKeys += 1;
    if (this.#writeBytes > limits.gatewayTxnBytesMax) {
      throw new GatewayKvError(
        'too-large',
        `transaction writes more than ${limits.gatewayTxnBytesMax} bytes`,
      );
    }
  }

  /**
   * Locks what was read of keys that are not written, before the commit of a transaction that writes: under snapshot
   * isolation alone, two transactions could each decide on what the other changes.
   */
  async guardReads(): Promise<void> {
    if (!this.hasWrites) return;
    for (const database of this.#databases.values()) await database.guardReads();
    this.#guarded = true;
  }

  async commit(): Promise<void> {
    assert(this.#guarded, 'reads are guarded before the commit');
    await this.kv.commit();
  }
}

function tooManyKeys(): GatewayKvError {
  const text = `transaction writes more than ${limits.gatewayTxnKeysMax} keys`;
  return new GatewayKvError('too-large', text);
}

interface Entry {
  readonly key: Uint8Array;
  meta: StoredMeta | undefined;
  /** The body of `meta` is left out: what it says is enough to remove the key. */
  headOnly: boolean;
  written: boolean;
}

/** One database in one epoch, as one transaction sees it. Expired keys are not there. */
export class Database {
  readonly txn: RedisTxn;
  readonly index: number;
  readonly epoch: number;
  readonly prefix: Uint8Array;
  /** Metas read or written so far, expired ones included, by their Redis key. */
  readonly #entries = new Map<string, Entry>();

  constructor(txn: RedisTxn, index: number, epoch: number) {
    this.txn = txn;
    this.index = index;
    this.epoch = epoch;
    this.prefix = databasePrefix(txn.instance, index, epoch);
  }

  get nowMs(): number {
    return this.txn.nowMs;
  }

  /** Tells the database what one of its metas is, so that reading it needs no round trip. */
  preload(key: Uint8Array, meta: StoredMeta | undefined): void {
    this.#entries.set(keyString(key), { key, meta, headOnly: false, written: false });
  }

  /** Throws CodecError for what cannot be read. */
  async get(key: Uint8Array): Promise<Meta | undefined> {
    const meta = this.#visible(await this.#entry(key));
    if (meta === UNREADABLE) throw new CodecError('the record of a key is of another format');
    return meta;
  }

  /** Metas in the order of the keys, a step at a time, each in one round trip. */
  async getMany(keys: readonly Uint8Array[]): Promise<(StoredMeta | undefined)[]> {
    const metas: (StoredMeta | undefined)[] = [];
    for (const step of stepsOf(keys)) {
      if (metas.length > 0) await this.txn.pace.pause();
      await this.#load(step, false);
      for (const key of step) metas.push(this.#visible(this.#entries.get(keyString(key))!));
    }
    return metas;
  }

  /**
   * Whether each key of one step is there. Afterwards they count as read, and may be removed; what they hold is not
   * kept in memory.
   */
  async areThere(step: readonly Uint8Array[]): Promise<boolean[]> {
    assert(step.length <= limits.gatewayStepKeys, () => `a step of ${step.length} keys`);
    await this.#load(step, true);
    return step.map((key) => this.#visible(this.#entries.get(keyString(key))!) !== undefined);
  }

  /** Reads, in one round trip, what is not known yet. */
  async #load(keys: readonly Uint8Array[], headOnly: boolean): Promise<void> {
    const missing = new Map<string, Uint8Array>();
    for (const key of keys) {
      const name = keyString(key);
      const known = this.#entries.get(name);
      if (known === undefined || (known.headOnly && !headOnly)) missing.set(name, key);
    }
    if (missing.size === 0) return;
    const records = [...missing.values()].map((key) => metaKey(this.prefix, key));
    const values = await this.txn.kv.batchGet(records);
    let i = 0;
    for (const [name, key] of missing) {
      const value = values[i++];
      const meta = value && readMeta(value);
      const kept = headOnly && typeof meta === 'object' ? { ...meta, body: EMPTY_BYTES } : meta;
      this.#entries.set(name, { key, meta: kept, headOnly, written: false });
    }
  }

  async #entry(key: Uint8Array): Promise<Entry> {
    const name = keyString(key);
    const known = this.#entries.get(name);
    if (known !== undefined && !known.headOnly) return known;
    const value = await this.txn.kv.get(metaKey(this.prefix, key));
    const meta = value && readMeta(value);
    const entry = { key, meta, headOnly: false, written: false };
    this.#entries.set(name, entry);
    return entry;
  }

  #visible(entry: Entry): StoredMeta | undefined {
    const meta = entry.meta;
    return meta === undefined || isExpired(meta, this.nowMs) ? undefined : meta;
  }

  /**
   * Makes `meta` what the key is. Keeps the ttl index in step, and hands the elements of a large object
   * that this replaces to the collector. The key must have been read: blind writes would leave those.
   */
  put(key: Uint8Array, meta: Meta): void {
    const entry = this.#replace(key, meta);
    if (meta.expireAtMs !== undefined && meta.expireAtMs !== entry?.expireAtMs) {
      this.txn.put(ttlKey(this.prefix, meta.expireAtMs, key), TTL_VALUE);
      this.txn.expiries.push({ db: this.index, epoch: this.epoch, key, at: meta.expireAtMs });
    }
    this.txn.put(metaKey(this.prefix, key), encodeMeta(meta));
  }

  /** Removes the key, which must have been read: returns whether it was visible. */
  remove(key: Uint8Array): boolean {
    const entry = this.#entries.get(keyString(key));
    assert(entry !== undefined, 'a key is read before it is removed');
    if (entry.meta === undefined) return false;
    const visible = this.#visible(entry) !== undefined;
    this.#replace(key, undefined);
    this.txn.delete(metaKey(this.prefix, key));
    return visible;
  }

  #replace(key: Uint8Array, meta: Meta | undefined): Meta | undefined {
    const entry = this.#entries.get(keyString(key));
    assert(entry !== undefined, 'a key is read before it is written');
    const old = entry.meta === UNREADABLE ? undefined : entry.meta;
    if (old?.expireAtMs !== undefined && old.expireAtMs !== meta?.expireAtMs) {
      this.txn.delete(ttlKey(this.prefix, old.expireAtMs, key));
    }
    if (old?.id !== undefined && old.id !== meta?.id) {
      const item = encodeGcItem({
        kind: 'object',
        db: this.index,
        epoch: this.epoch,
        cursor: EMPTY_BYTES,
      });
      this.txn.put(gcKey(this.txn.instance, this.txn.kv.startTs, old.id), item);
    }
    entry.meta = meta;
    entry.headOnly = false;
    entry.written = true;
    return old;
  }

  async guardReads(): Promise<void> {
    let locked = 0;
    for (const entry of this.#entries.values()) {
      if (entry.written) continue;
      this.txn.kv.lockKey(metaKey(this.prefix, entry.key));
      if (++locked % limits.gatewayStepKeys === 0) await this.txn.pace.pause();
    }
  }

  /**
   * Up to `limit` metas of a range in key order, expired ones included. Their bodies are cut: what a key holds stays on
   * the store.
   */
  scanHeads({ start, end }: KeyBounds, limit: number): Promise<KvPair[]> {
    const options = { valueBytesMax: META_HEAD_BYTES, groups: META_GROUPS };
    return this.txn.kv.scan(start, end, limit, options);
  }

  get metaBounds(): KeyBounds {
    return metaBounds(this.prefix);
  }

  readData(
    id: Uint8Array,
    tag: DataTag,
    suffixes: readonly Uint8Array[],
  ): Promise<(Uint8Array | undefined)[]> {
    return this.txn.kv.batchGet(suffixes.map((suffix) => dataKey(this.prefix, id, tag, suffix)));
  }

  putData(id: Uint8Array, tag: DataTag, suffix: Uint8Array, value: Uint8Array): void {
    this.txn.put(dataKey(this.prefix, id, tag, suffix), value);
  }
}
