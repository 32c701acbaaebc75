import { assert, EMPTY_BYTES, keyString, limits, physicalMs } from '@tinykv/base';
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
import { KnownMetas, type WantedMeta } from './known-metas.js';
import { Loads, NEEDS_MORE } from './loads.js';
import {
  encodeMeta,
  META_HEAD_BYTES,
  type Meta,
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
  /** The reads of the running command beside metas. */
  readonly loads: Loads = new Loads();
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

  /** Writes so far. */
  get writeCount(): number {
    return this.#writeKeys;
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

  /**
   * Runs a synchronous step until it needs nothing more: what it asked for is loaded, and it runs again from its start.
   * Invariant: it asks before it writes.
   */
  async run<T>(step: () => T): Promise<T> {
    for (;;) {
      const writesBefore = this.#writeKeys;
      this.loads.begin();
      try {
        return step();
      } catch (failure) {
        if (failure !== NEEDS_MORE) throw failure;
        assert(this.#writeKeys === writesBefore, 'a step asks for what it needs before it writes');
      }
      await this.load();
    }
  }

  /** Reads what was wanted, a step of keys at a time, each in one round trip for each Region. */
  async load(): Promise<void> {
    const wanted: WantedMeta[] = [];
    for (const database of this.#databases.values()) database.metas.takeWanted(wanted);
    const records = this.loads.take();
    const keys = [...wanted.map(({ record }) => record), ...records];
    let from = 0;
    const values: (Uint8Array | undefined)[] = [];
    for (const step of stepsOf(keys)) {
      if (from > 0) await this.pace.pause();
      from += step.length;
      if (step.length === 1) values.push(await this.kv.get(step[0]!));
      else if (step.length > 0) values.push(...(await this.kv.batchGet(step)));
    }
    for (const [i, { of, key, headOnly }] of wanted.entries()) of.take(key, values[i], headOnly);
    this.loads.loaded(records, values.slice(wanted.length));
    await this.loads.ask();
  }

  /** Whether what was wanted is not loaded yet. */
  get isMissing(): boolean {
    if (this.loads.isMissing) return true;
    for (const database of this.#databases.values()) if (database.metas.isMissing) return true;
    return false;
  }

  /** Forgets what it knows and has counted, to serve other work of the same time. The caller sees to the writes. */
  restart(): void {
    for (const database of this.#databases.values()) database.metas.clear();
    this.loads.clear();
    this.expiries.length = 0;
    this.#writeBytes = 0;
    this.#writeKeys = 0;
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

/** One database in one epoch, as one transaction sees it. Expired keys are not there. */
export class Database {
  readonly txn: RedisTxn;
  readonly index: number;
  readonly epoch: number;
  readonly prefix: Uint8Array;
  readonly metas: KnownMetas;

  constructor(txn: RedisTxn, index: number, epoch: number) {
    this.txn = txn;
    this.index = index;
    this.epoch = epoch;
    this.prefix = databasePrefix(txn.instance, index, epoch);
    this.metas = new KnownMetas(this.prefix, txn.nowMs);
  }

  get nowMs(): number {
    return this.txn.nowMs;
  }

  /** Tells the database what one of its metas is, so that reading it needs no round trip. */
  preload(key: Uint8Array, meta: StoredMeta | undefined): void {
    this.metas.set(key, meta);
  }

  /** Throws CodecError for what cannot be read, NEEDS_MORE for what is not loaded. */
  get(key: Uint8Array): Meta | undefined {
    return this.metas.get(key);
  }

  /** Whether a key is there; afterwards it may be removed. Throws NEEDS_MORE. */
  isThere(key: Uint8Array): boolean {
    return this.metas.isThere(key);
  }

  /** Metas in the order of the keys, for work that is no command. */
  getMany(keys: readonly Uint8Array[]): Promise<(StoredMeta | undefined)[]> {
    return this.txn.run(() => this.metas.many(keys));
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
    const entry = this.metas.known(key);
    assert(entry !== undefined, 'a key is read before it is removed');
    if (entry.meta === undefined) return false;
    const visible = this.metas.visible(entry) !== undefined;
    this.#replace(key, undefined);
    this.txn.delete(metaKey(this.prefix, key));
    return visible;
  }

  #replace(key: Uint8Array, meta: Meta | undefined): Meta | undefined {
    const entry = this.metas.known(key);
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
    for (const entry of this.metas.all()) {
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

  /** Records of a large object. Throws {@link NEEDS_MORE}. */
  readData(
    id: Uint8Array,
    tag: DataTag,
    suffixes: readonly Uint8Array[],
  ): (Uint8Array | undefined)[] {
    return this.txn.loads.records(this.#dataKeys(id, tag, suffixes));
  }

  wantData(id: Uint8Array, tag: DataTag, suffixes: readonly Uint8Array[]): void {
    this.txn.loads.want(this.#dataKeys(id, tag, suffixes));
  }

  #dataKeys(id: Uint8Array, tag: DataTag, suffixes: readonly Uint8Array[]): Uint8Array[] {
    return suffixes.map((suffix) => dataKey(this.prefix, id, tag, suffix));
  }

  putData(id: Uint8Array, tag: DataTag, suffix: Uint8Array, value: Uint8Array): void {
    this.txn.put(dataKey(this.prefix, id, tag, suffix), value);
  }
}
