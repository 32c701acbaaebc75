import { assert, EMPTY_BYTES, keyString, limits, physicalMs } from '@tinykv/base';
import { GatewayKvError, type KvPair, type KvTxn } from '../kv-port.js';
import { encodeGcItem } from './gc-codec.js';
import {
  type DataTag,
  databasePrefix,
  dataKey,
  gcKey,
  type KeyBounds,
  metaBounds,
  metaKey,
  objectId,
  ttlKey,
} from './keys.js';
import { decodeMeta, encodeMeta, isExpired, type Meta } from './meta-codec.js';

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
  readonly #databases = new Map<number, Database>();
  readonly #epochs: number[];
  #ids = 0;
  #writeBytes = 0;
  #writeKeys = 0;

  constructor(
    kv: KvTxn,
    instance: number,
    epochs: EpochTable,
    nowMs: number = physicalMs(kv.startTs),
  ) {
    this.kv = kv;
    this.instance = instance;
    this.nowMs = nowMs;
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

  /** Refused while it is built, long before it is proposed. */
  #account(bytes: number): void {
    this.#writeBytes += bytes;
    this.#writeKeys += 1;
    if (this.#writeBytes > limits.gatewayTxnBytesMax) {
      throw new GatewayKvError(
        'too-large',
        `transaction writes more than ${limits.gatewayTxnBytesMax} bytes`,
      );
    }
    if (this.#writeKeys > limits.gatewayTxnKeysMax) {
      throw new GatewayKvError(
        'too-large',
        `transaction writes more than ${limits.gatewayTxnKeysMax} keys`,
      );
    }
  }

  /**
   * Commits. What was read of other keys is locked too: under snapshot isolation alone, two transactions
   * could each decide on what the other changes.
   */
  async commit(): Promise<void> {
    for (const database of this.#databases.values()) database.guardReads();
    await this.kv.commit();
  }
}

interface Entry {
  readonly key: Uint8Array;
  meta: Meta | undefined;
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
  preload(key: Uint8Array, meta: Meta | undefined): void {
    this.#entries.set(keyString(key), { key, meta, written: false });
  }

  async get(key: Uint8Array): Promise<Meta | undefined> {
    return this.#visible(await this.#entry(key));
  }

  /** Metas in the order of the keys, in one round trip. */
  async getMany(keys: readonly Uint8Array[]): Promise<(Meta | undefined)[]> {
    const missing = keys.filter((key) => !this.#entries.has(keyString(key)));
    if (missing.length > 0) {
      const values = await this.txn.kv.batchGet(missing.map((key) => metaKey(this.prefix, key)));
      missing.forEach((key, i) => {
        const value = values[i];
        this.preload(key, value === undefined ? undefined : decodeMeta(value));
      });
    }
    return keys.map((key) => this.#visible(this.#entries.get(keyString(key))!));
  }

  async #entry(key: Uint8Array): Promise<Entry> {
    const name = keyString(key);
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    const value = await this.txn.kv.get(metaKey(this.prefix, key));
    const entry = {
      key,
      meta: value === undefined ? undefined : decodeMeta(value),
      written: false,
    };
    this.#entries.set(name, entry);
    return entry;
  }

  #visible(entry: Entry): Meta | undefined {
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
    const old = entry.meta;
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
    entry.written = true;
    return old;
  }

  guardReads(): void {
    for (const entry of this.#entries.values()) {
      if (!entry.written) this.txn.kv.lockKey(metaKey(this.prefix, entry.key));
    }
  }

  /** Up to `limit` metas from the meta key `start` on, in key order; expired ones included. */
  async scanMetas(start: Uint8Array, limit: number): Promise<KvPair[]> {
    return this.txn.kv.scan(start, this.metaBounds.end, limit);
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
