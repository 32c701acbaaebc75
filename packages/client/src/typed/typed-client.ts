import { EMPTY_BYTES, type Timestamp } from '@tinykv/base';
import type { CallOptions } from '../call-limits.js';
import type { Committed } from '../committed.js';
import type { RawClient, RawOptions, RawPutOptions, RawWriteOptions } from '../raw.js';
import type { ReadSnapshot } from '../read-snapshot.js';
import type { Transactions } from '../transactions.js';
import type { RunOptions, SnapshotOptions } from '../txn-client.js';
import type { TxnOptions } from '../txn-options.js';
import type { Codecs } from './codec.js';
import { type TypedPair, TypedReads } from './typed-reads.js';
import { TypedSnapshot, TypedTxn } from './typed-txn.js';

/** What a client is to its codecs. */
export interface ByteClient {
  readonly raw: RawClient;
  readonly txn: Transactions;
  snapshot(ts?: Timestamp, options?: SnapshotOptions): Promise<ReadSnapshot>;
  incr(key: Uint8Array, by?: number, options?: RunOptions): Promise<number>;
  compareAndSet(
    key: Uint8Array,
    expected: Uint8Array | undefined,
    value: Uint8Array | undefined,
    options?: RunOptions,
  ): Promise<boolean>;
}

/** A {@link RawClient} through codecs. */
export class TypedRaw<K, V> extends TypedReads<K, V, RawOptions> {
  readonly #raw: RawClient;

  constructor(raw: RawClient, codecs: Codecs<K, V>) {
    super(raw, codecs);
    this.#raw = raw;
  }

  /** As {@link RawClient.put}. */
  async put(key: K, value: V, options?: RawPutOptions): Promise<void> {
    await this.#raw.put(this.codecs.key.encode(key), this.codecs.value.encode(value), options);
  }

  /** As {@link RawClient.ttl}. */
  ttl(key: K, options?: RawOptions): Promise<number | undefined> {
    return this.#raw.ttl(this.codecs.key.encode(key), options);
  }

  /** As {@link RawClient.batchPut}. */
  async batchPut(pairs: readonly TypedPair<K, V>[], options?: RawPutOptions): Promise<void> {
    const { key, value } = this.codecs;
    const encoded = pairs.map((pair) => ({
      key: key.encode(pair.key),
      value: value.encode(pair.value),
    }));
    await this.#raw.batchPut(encoded, options);
  }

  /** As {@link RawClient.deleteRange}; undefined: without a beginning, or an end. */
  async deleteRange(
    start: K | undefined,
    end: K | undefined,
    options?: RawWriteOptions,
  ): Promise<number> {
    const [from, to] = [start, end].map((key) =>
      key === undefined ? EMPTY_BYTES : this.codecs.key.encode(key),
    );
    return this.#raw.deleteRange(from!, to!, options);
  }

  /** As {@link RawClient.delete}. */
  async delete(key: K, options?: RawWriteOptions): Promise<void> {
    await this.#raw.delete(this.codecs.key.encode(key), options);
  }
}

/** {@link Transactions} through codecs. */
export interface TypedTransactions<K, V> {
  <T>(fn: (txn: TypedTxn<K, V>) => Promise<T>, options?: RunOptions): Promise<T>;
  begin(options?: TxnOptions): Promise<TypedTxn<K, V>>;
  /** As {@link Transactions.runWithCommitTs}. */
  runWithCommitTs<T>(
    fn: (txn: TypedTxn<K, V>) => Promise<T>,
    options?: RunOptions,
  ): Promise<Committed<T>>;
  /** As {@link Transactions.getNewest}. */
  getNewest(key: K, options?: CallOptions): Promise<V | undefined>;
  /** @deprecated The former name of {@link getNewest}. */
  snapshotGet(key: K, options?: CallOptions): Promise<V | undefined>;
}

/** A client whose keys and values are those of a program; what is stored is what the codecs make of them. */
export class TypedClient<K, V> {
  readonly raw: TypedRaw<K, V>;
  readonly txn: TypedTransactions<K, V>;
  readonly #client: ByteClient;
  readonly #codecs: Codecs<K, V>;

  constructor(client: ByteClient, codecs: Codecs<K, V>) {
    this.raw = new TypedRaw(client.raw, codecs);
    this.txn = typedTransactions(client, codecs);
    this.#client = client;
    this.#codecs = codecs;
  }

  /** The newest committed value of one key. */
  get(key: K, options?: CallOptions): Promise<V | undefined> {
    return this.txn.getNewest(key, options);
  }

  /** As {@link Client.put}. */
  async put(key: K, value: V, options?: RunOptions): Promise<Timestamp> {
    const put = async (t: TypedTxn<K, V>): Promise<void> => t.put(key, value);
    return (await this.txn.runWithCommitTs(put, options)).commitTs!;
  }

  /** As {@link Client.delete}. */
  async delete(key: K, options?: RunOptions): Promise<Timestamp> {
    const remove = async (t: TypedTxn<K, V>): Promise<void> => t.delete(key);
    return (await this.txn.runWithCommitTs(remove, options)).commitTs!;
  }

  /** As {@link Client.insert}. */
  async insert(key: K, value: V, options?: RunOptions): Promise<Timestamp> {
    const insert = (t: TypedTxn<K, V>): Promise<void> => t.insert(key, value);
    return (await this.txn.runWithCommitTs(insert, options)).commitTs!;
  }

  /** As {@link Client.compareAndSet}; values are compared as they are stored. */
  async compareAndSet(
    key: K,
    expected: V | undefined,
    value: V | undefined,
    options?: RunOptions,
  ): Promise<boolean> {
    const { key: keys, value: values } = this.#codecs;
    const encode = (v: V | undefined): Uint8Array | undefined =>
      v === undefined ? undefined : values.encode(v);
    return this.#client.compareAndSet(keys.encode(key), encode(expected), encode(value), options);
  }

  /** As {@link Client.incr}: decimal text, which is JSON too. */
  async incr(key: K, by?: number, options?: RunOptions): Promise<number> {
    return this.#client.incr(this.#codecs.key.encode(key), by, options);
  }

  /** As the client's own. */
  async snapshot(ts?: Timestamp, options?: SnapshotOptions): Promise<TypedSnapshot<K, V>> {
    return new TypedSnapshot(await this.#client.snapshot(ts, options), this.#codecs);
  }
}

function typedTransactions<K, V>(
  client: ByteClient,
  codecs: Codecs<K, V>,
): TypedTransactions<K, V> {
  const run = <T>(fn: (txn: TypedTxn<K, V>) => Promise<T>, options?: RunOptions): Promise<T> =>
    client.txn((txn) => fn(new TypedTxn(txn, codecs)), options);
  const getNewest = async (key: K, options?: CallOptions): Promise<V | undefined> => {
    const value = await client.txn.getNewest(codecs.key.encode(key), options);
    return value === undefined ? undefined : codecs.value.decode(value);
  };
  return Object.assign(run, {
    begin: async (options?: TxnOptions) => new TypedTxn(await client.txn.begin(options), codecs),
    runWithCommitTs: <T>(fn: (txn: TypedTxn<K, V>) => Promise<T>, options?: RunOptions) =>
      client.txn.runWithCommitTs((txn) => fn(new TypedTxn(txn, codecs)), options),
    getNewest,
    snapshotGet: getNewest,
  });
}
