import { exactUtf8, fromExactUtf8, type Timestamp } from '@tinykv/base';
import { type Client, connect, type Txn } from '@tinykv/client';
import { KvsConfigError } from './errors.js';

/** Made by `KvsClient.builder()`. */
export class KvsClientBuilder {
  readonly #connect: (endpoints: readonly string[]) => Promise<KvsClient>;
  readonly #endpoints: string[] = [];

  constructor(connectTo: (endpoints: readonly string[]) => Promise<KvsClient>) {
    this.#connect = connectTo;
  }

  /** host:port of `KvsServer.endpoint`, or of a scheduler; at least one, and the first that answers is taken. */
  endpoint(address: string): this {
    this.#endpoints.push(address);
    return this;
  }

  /**
   * Connects. Rejects with {@link KvsConfigError} without an endpoint, with KvError UNAVAILABLE when none answers within
   * some seconds.
   */
  async build(): Promise<KvsClient> {
    if (this.#endpoints.length === 0) throw new KvsConfigError('no endpoint is given');
    return this.#connect(this.#endpoints);
  }
}

/**
 * Strings in transactions. A transaction reads what was committed when it began and commits if nobody has written its keys
 * meanwhile; see `Txn` of `@tinykv/client`, which it is.
 *
 * All calls reject with `RegionUnavailableError` when no store answers within ten seconds, and with KvError
 * INVALID_ARGUMENT for a key that is empty or longer than 4 KiB, and for strings with a lone surrogate, which have no UTF-8; with
 * FAILED_PRECONDITION for a value that another program has stored and that is no UTF-8. Keys are ordered by their UTF-8 bytes.
 */
export class KvsClient {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  static builder(): KvsClientBuilder {
    return new KvsClientBuilder(
      async (endpoints) => new KvsClient(await connect({ scheduler: endpoints })),
    );
  }

  /** The value that is committed now; undefined when there is none. */
  async get(key: string): Promise<string | undefined> {
    return textOf(await this.#client.get(exactUtf8(key)));
  }

  /**
   * Sets one key in a transaction of its own, which is repeated while it loses against others. Rejects with
   * `UndeterminedError` when nobody knows whether it took effect.
   */
  async set(key: string, value: string): Promise<void> {
    await this.#client.txn.run(async (txn) => txn.put(exactUtf8(key), exactUtf8(value)));
  }

  /** Deletes one key likewise; false when it was not there. */
  remove(key: string): Promise<boolean> {
    return this.#client.txn.run(async (txn) => {
      if ((await txn.get(exactUtf8(key))) === undefined) return false;
      txn.delete(exactUtf8(key));
      return true;
    });
  }

  /** Begins a transaction. It holds nothing on the server until it is committed. */
  txnStart(): Promise<Txn> {
    return this.#client.txn.begin();
  }

  /** The value at the start of the transaction, or what it has set itself; undefined when there is none. */
  async txnGet(txn: Txn, key: string): Promise<string | undefined> {
    return textOf(await txn.get(exactUtf8(key)));
  }

  /** Seen by others once the transaction is committed. */
  txnSet(txn: Txn, key: string, value: string): void {
    txn.put(exactUtf8(key), exactUtf8(value));
  }

  txnDelete(txn: Txn, key: string): void {
    txn.delete(exactUtf8(key));
  }

  /**
   * The timestamp of the commit. Rejects with `WriteConflictError` or another `RetryableTxnError` when another transaction was
   * quicker and this one left nothing, with `UndeterminedError` when nobody knows.
   */
  txnCommit(txn: Txn): Promise<Timestamp> {
    return txn.commit();
  }

  /** Forgets what the transaction has set. */
  txnRollback(txn: Txn): void {
    txn.rollback();
  }

  /** Lets what is committed finish, then closes the connections. */
  close(): Promise<void> {
    return this.#client.close();
  }
}

function textOf(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : fromExactUtf8(value);
}
