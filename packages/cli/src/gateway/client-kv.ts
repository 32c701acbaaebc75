import { errorMessage, KvError, type Timestamp } from '@tinykv/base';
import {
  type Client,
  EntryTooLargeError,
  RetryableTxnError,
  type Txn,
  UndeterminedError,
} from '@tinykv/client';
import {
  type GatewayKv,
  GatewayKvError,
  type KvFailure,
  type KvPair,
  type KvTxn,
} from '@tinykv/gateway';

/** The gateway's store: a client of the cluster, with its failures in the gateway's words. */
export function clientKv(client: Client): GatewayKv {
  return {
    begin: () => translated(async () => new ClientTxn(await client.txn.begin())),
    readLatest: (key) => translated(() => client.txn.snapshotGet(key)),
    timestamp: () => translated(() => client.txn.timestamp()),
  };
}

class ClientTxn implements KvTxn {
  readonly #txn: Txn;

  constructor(txn: Txn) {
    this.#txn = txn;
  }

  get startTs(): Timestamp {
    return this.#txn.startTs;
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return translated(() => this.#txn.get(key));
  }

  batchGet(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return translated(() => this.#txn.batchGet(keys));
  }

  scan(start: Uint8Array, end: Uint8Array, limit: number, reverse = false): Promise<KvPair[]> {
    return translated(() => this.#txn.scan(start, { end, limit, reverse }));
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#txn.put(key, value);
  }

  delete(key: Uint8Array): void {
    this.#txn.delete(key);
  }

  lockKey(key: Uint8Array): void {
    this.#txn.lockKeys(key);
  }

  async commit(): Promise<void> {
    await translated(() => this.#txn.commit());
  }

  rollback(): Promise<void> {
    if (this.#txn.state === 'open') this.#txn.rollback();
    return Promise.resolve();
  }
}

async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const failure = failureOf(error);
    if (failure === undefined) throw error;
    throw new GatewayKvError(failure, errorMessage(error), { cause: error });
  }
}

/** Undefined: not a failure of the store but a bug, which goes up as it is. */
function failureOf(error: unknown): KvFailure | undefined {
  if (!(error instanceof KvError)) return undefined;
  if (error instanceof UndeterminedError) return 'undetermined';
  if (error instanceof RetryableTxnError) return 'conflict';
  if (error instanceof EntryTooLargeError || error.code === 'INVALID_ARGUMENT') return 'too-large';
  return 'unavailable';
}
