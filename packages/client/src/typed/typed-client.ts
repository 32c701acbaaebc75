import type { Timestamp } from '@tinykv/base';
import type { CallOptions } from '../call-limits.js';
import type { RawClient, RawOptions, RawWriteOptions } from '../raw.js';
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
}

/** A {@link RawClient} through codecs. */
export class TypedRaw<K, V> extends TypedReads<K, V, RawOptions> {
  readonly #raw: RawClient;

  constructor(raw: RawClient, codecs: Codecs<K, V>) {
    super(raw, codecs);
    this.#raw = raw;
  }

  /** As {@link RawClient.put}. */
  async put(key: K, value: V, options?: RawWriteOptions): Promise<void> {
    await this.#raw.put(this.codecs.key.encode(key), this.codecs.value.encode(value), options);
  }

  /** As {@link RawClient.batchPut}. */
  async batchPut(pairs: readonly TypedPair<K, V>[], options?: RawWriteOptions): Promise<void> {
    const { key, value } = this.codecs;
    const encoded = pairs.map((pair) => ({
      key: key.encode(pair.key),
      value: value.encode(pair.value),
    }));
    await this.#raw.batchPut(encoded, options);
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
  return Object.assign(run, {
    begin: async (options?: TxnOptions) => new TypedTxn(await client.txn.begin(options), codecs),
    snapshotGet: async (key: K, options?: CallOptions) => {
      const value = await client.txn.snapshotGet(codecs.key.encode(key), options);
      return value === undefined ? undefined : codecs.value.decode(value);
    },
  });
}
