import { KvError } from '@tinykv/base';
import {
  type Client,
  type KeyReader,
  type OneKeyResult,
  type OneKeyWriter,
  RetryableTxnError,
  type Txn,
  UndeterminedError,
} from '@tinykv/client';
import {
  type GatewayKv,
  GatewayKvError,
  type KvFailure,
  type KvPair,
  type KvRead,
  type KvReader,
  type KvScanOptions,
  type KvTxn,
  type KvWrite,
  type KvWriter,
} from './kv-port.js';

/** The gateway's store over a cluster. */
export function clientKv(client: Client): GatewayKv {
  return {
    begin: async (lifetimeMs) => new ClientTxn(await translated(client.txn.begin({ lifetimeMs }))),
    readNewest: (reads, timeoutMs, reader) =>
      translatedNow(() => client.txn.readNewest(reads, timeoutMs, new Reader(reader))),
    readAt: (reads, ts, timeoutMs, reader) =>
      translatedNow(() => client.txn.readAt(reads, ts, timeoutMs, new Reader(reader))),
    readVersions: (keys, ts) => translated(client.txn.snapshotVersions(keys, ts)),
    timestamp: () => translated(client.txn.timestamp()),
    writeOneKeys: (writes, timeoutMs, writer) =>
      translatedNow(() => client.txn.writeOneKeys(writes, timeoutMs, new Writer(writer))),
  };
}

class Reader<R extends KvRead> implements KeyReader<R> {
  readonly #reader: KvReader<R>;

  constructor(reader: KvReader<R>) {
    this.#reader = reader;
  }

  onRead(read: R, value: Uint8Array | undefined, commitTs: bigint): void {
    this.#reader.onRead(read, value, commitTs);
  }

  onReadFailed(read: R, error: unknown): void {
    this.#reader.onReadFailed(read, translate(error));
  }

  onReadsTold(): void {
    this.#reader.onReadsTold();
  }
}

class Writer<W extends KvWrite> implements OneKeyWriter<W> {
  readonly #writer: KvWriter<W>;

  constructor(writer: KvWriter<W>) {
    this.#writer = writer;
  }

  onWritten(write: W, { type }: OneKeyResult): void {
    this.#writer.onWritten(write, type);
  }

  onWriteFailed(write: W, error: unknown): void {
    this.#writer.onWriteFailed(write, translate(error));
  }
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
