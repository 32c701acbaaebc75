import { KvError } from '@tinykv/base';
import { type Client, RetryableTxnError, type Txn, UndeterminedError } from '@tinykv/client';
import {
  type GatewayKv,
  GatewayKvError,
  type KvFailure,
  type KvPair,
  type KvScanOptions,
  type KvTxn,
} from './kv-port.js';

/** The gateway's store over a cluster. */
export function clientKv(client: Client): GatewayKv {
  // As a rule all reads have the same time.
  let options = { timeoutMs: 0 };
  return {
    begin: async (lifetimeMs) => new ClientTxn(await translated(client.txn.begin({ lifetimeMs }))),
    readLatest: (key, timeoutMs) => {
      if (timeoutMs === undefined) return translated(client.txn.snapshotGet(key));
      if (options.timeoutMs !== timeoutMs) options = { timeoutMs };
      return translated(client.txn.snapshotGet(key, options));
    },
    readVersions: (keys, ts) => translated(client.txn.snapshotVersions(keys, ts)),
    timestamp: () => translated(client.txn.timestamp()),
    writeOneKey: async (write, timeoutMs) => {
      const { type } = await translated(client.txn.writeOneKey(write, { timeoutMs }));
      return type;
    },
  };
}

class ClientTxn implements KvTxn {
  readonly #txn: Txn;

  constructor(txn: Txn) {
    this.#txn = txn;
  }

  get startTs(): bigint {
    return this.#txn.startTs;
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return translated(this.#txn.get(key));
  }

  batchGet(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return translated(this.#txn.batchGet(keys));
  }

  scan(
    start: Uint8Array,
    end: Uint8Array,
    limit: number,
    options: KvScanOptions = {},
  ): Promise<KvPair[]> {
    return translated(this.#txn.scan(start, { end, limit, ...options }));
  }

  put(key: Uint8Array, value: Uint8Array): void {
    translatedNow(() => this.#txn.put(key, value));
  }

  delete(key: Uint8Array): void {
    translatedNow(() => this.#txn.delete(key));
  }

  lockKey(key: Uint8Array): void {
    // An optimistic transaction only notes the key.
    translatedNow(() => void this.#txn.lockKeys(key));
  }

  async commit(): Promise<void> {
    await translated(this.#txn.commit());
  }

  async rollback(): Promise<void> {
    if (this.#txn.state === 'open') this.#txn.rollback();
  }
}

async function translated<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw translate(error);
  }
}

function translatedNow(work: () => void): void {
  try {
    work();
  } catch (error) {
    throw translate(error);
  }
}

/** A broken invariant stays what it is; everything else of the client has one of four meanings. */
function translate(error: unknown): unknown {
  if (!(error instanceof KvError)) return error;
  return new GatewayKvError(failureOf(error), error.message, { cause: error });
}

function failureOf(error: KvError): KvFailure {
  if (error instanceof UndeterminedError) return 'undetermined';
  if (error instanceof RetryableTxnError) return 'conflict';
  return error.code === 'INVALID_ARGUMENT' ? 'too-large' : 'unavailable';
}
