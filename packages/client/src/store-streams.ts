import { type Env, KvError, type StoreId } from '@tinykv/base';
import type { SchedulerApi } from '@tinykv/model';
import { BatchStream } from './batch-stream.js';

interface Entry {
  readonly stream: BatchStream;
  /** The address may have changed: ask again before the next use. */
  stale: boolean;
}

/** One stream per store, at the address that the scheduler gives for it. */
export class StoreStreams {
  readonly #env: Env;
  readonly #scheduler: Pick<SchedulerApi, 'getStore'>;
  readonly #entries = new Map<StoreId, Entry>();
  readonly #resolving = new Map<StoreId, Promise<BatchStream>>();
  #closed = false;

  constructor(env: Env, scheduler: Pick<SchedulerApi, 'getStore'>) {
    this.#env = env;
    this.#scheduler = scheduler;
  }

  /** The stream, when no question to the scheduler is needed. */
  cached(storeId: StoreId): BatchStream | undefined {
    const entry = this.#entries.get(storeId);
    return entry === undefined || entry.stale ? undefined : entry.stream;
  }

  /** Rejects with KvError: NOT_FOUND for a store that is gone, else what the scheduler call failed with. */
  resolve(storeId: StoreId): Promise<BatchStream> {
    const running = this.#resolving.get(storeId);
    if (running !== undefined) return running;
    const resolving = this.#resolve(storeId).finally(() => this.#resolving.delete(storeId));
    this.#resolving.set(storeId, resolving);
    return resolving;
  }

  /** After a failure: the store may have come back at another address. */
  suspect(storeId: StoreId): void {
    const entry = this.#entries.get(storeId);
    if (entry !== undefined) entry.stale = true;
  }

  close(): void {
    this.#closed = true;
    for (const { stream } of this.#entries.values()) stream.close();
    this.#entries.clear();
  }

  async #resolve(storeId: StoreId): Promise<BatchStream> {
    const store = await this.#scheduler.getStore(storeId);
    if (this.#closed) throw new KvError('CANCELLED', 'the client is closed');
    const old = this.#entries.get(storeId);
    if (store.state === 'tombstone') {
      this.#entries.delete(storeId);
      old?.stream.close();
      throw new KvError('NOT_FOUND', `store ${storeId} is gone`);
    }
    if (old !== undefined && old.stream.address === store.address) {
      old.stale = false;
      return old.stream;
    }
    const entry: Entry = { stream: new BatchStream(this.#env, store.address), stale: false };
    this.#entries.set(storeId, entry);
    // Requests in flight to the old address fail as unknown: nobody else would answer them.
    old?.stream.close();
    return entry.stream;
  }
}
