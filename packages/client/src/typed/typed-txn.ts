import type { Timestamp } from '@tinykv/base';
import type { CallOptions } from '../call-limits.js';
import type { ReadSnapshot } from '../read-snapshot.js';
import type { Txn } from '../txn.js';
import type { Savepoint } from '../txn-buffer.js';
import type { LockOptions } from '../txn-options.js';
import type { TxnState } from '../txn-progress.js';
import type { Codecs } from './codec.js';
import { TypedReads } from './typed-reads.js';

/** A {@link ReadSnapshot} through codecs. */
export class TypedSnapshot<K, V> extends TypedReads<K, V, CallOptions> {
  readonly ts: Timestamp;

  constructor(snapshot: ReadSnapshot, codecs: Codecs<K, V>) {
    super(snapshot, codecs);
    this.ts = snapshot.ts;
  }
}

/** A {@link Txn} through codecs. */
export class TypedTxn<K, V> extends TypedReads<K, V, CallOptions> {
  /** The same transaction, in bytes. */
  readonly bytes: Txn;

  constructor(bytes: Txn, codecs: Codecs<K, V>) {
    super(bytes, codecs);
    this.bytes = bytes;
  }

  get startTs(): Timestamp {
    return this.bytes.startTs;
  }

  get state(): TxnState {
    return this.bytes.state;
  }

  put(key: K, value: V): void {
    this.bytes.put(this.codecs.key.encode(key), this.codecs.value.encode(value));
  }

  /** As {@link Txn.insert}. */
  async insert(key: K, value: V, options?: LockOptions): Promise<void> {
    const { key: keys, value: values } = this.codecs;
    await this.bytes.insert(keys.encode(key), values.encode(value), options);
  }

  delete(key: K): void {
    this.bytes.delete(this.codecs.key.encode(key));
  }

  /** As {@link Txn.lockKeys}. */
  lockKeys(...keys: readonly K[]): ReturnType<Txn['lockKeys']> {
    return this.bytes.lockKeys(...keys.map((key) => this.codecs.key.encode(key)));
  }

  /** As {@link Txn.tryLockKeys}. */
  async tryLockKeys(keys: readonly K[], options?: CallOptions): Promise<K[]> {
    const encoded = keys.map((key) => this.codecs.key.encode(key));
    const locked = new Set(await this.bytes.tryLockKeys(encoded, options));
    return keys.filter((_, i) => locked.has(encoded[i]!));
  }

  /** As {@link Txn.batchGetForUpdate}. */
  async batchGetForUpdate(keys: readonly K[], options?: LockOptions): Promise<(V | undefined)[]> {
    const encoded = keys.map((key) => this.codecs.key.encode(key));
    const values = await this.bytes.batchGetForUpdate(encoded, options);
    return values.map((value) => value && this.codecs.value.decode(value));
  }

  /** As {@link Txn.getForUpdate}. */
  async getForUpdate(key: K, options?: LockOptions): Promise<V | undefined> {
    const value = await this.bytes.getForUpdate(this.codecs.key.encode(key), options);
    return value === undefined ? undefined : this.codecs.value.decode(value);
  }

  /** As {@link Txn.savepoint}. */
  savepoint(): Savepoint {
    return this.bytes.savepoint();
  }

  /** As {@link Txn.rollbackTo}. */
  rollbackTo(savepoint: Savepoint): void {
    this.bytes.rollbackTo(savepoint);
  }

  /** As {@link Txn.commit}. */
  commit(options?: CallOptions): Promise<Timestamp> {
    return this.bytes.commit(options);
  }

  /** As {@link Txn.rollback}. */
  rollback(): ReturnType<Txn['rollback']> {
    return this.bytes.rollback();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.bytes[Symbol.asyncDispose]();
  }
}
