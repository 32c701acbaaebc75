import type { Timestamp } from '@tinykv/base';
import type { CallOptions } from '../call-limits.js';
import type { ReadSnapshot } from '../read-snapshot.js';
import type { Txn } from '../txn.js';
import type { Savepoint } from '../txn-buffer.js';
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

  delete(key: K): void {
    this.bytes.delete(this.codecs.key.encode(key));
  }

  /** As {@link Txn.lockKeys}. */
  lockKeys(...keys: readonly K[]): ReturnType<Txn['lockKeys']> {
    return this.bytes.lockKeys(...keys.map((key) => this.codecs.key.encode(key)));
  }

  /** As {@link Txn.getForUpdate}. */
  async getForUpdate(key: K, options?: CallOptions): Promise<V | undefined> {
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
