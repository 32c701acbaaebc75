import { type Env, errorMessage, KvError, type StoreId } from '@tinykv/base';
import type { SchedulerApi } from '@tinykv/model';
import { BatchStream } from './batch-stream.js';
import type { WorkScope } from './lifetime.js';

type Stores = Pick<SchedulerApi, 'getStore' | 'allStores'>;

/**
 * One stream per store, at the address that the scheduler gives for it. The addresses of all stores are learned with
 * the first: when a leader dies, its successor may be a store that was never spoken to, and the scheduler away.
 */
export class StoreStreams {
  readonly #env: Env;
  readonly #scheduler: Stores;
  readonly #streams = new Map<StoreId, BatchStream>();
  readonly #resolving = new Map<StoreId, Promise<BatchStream>>();
  #closed = false;

  constructor(env: Env, scheduler: Stores) {
    this.#env = env;
    this.#scheduler = scheduler;
  }

  /** The stream, when no question to the scheduler is needed. */
  cached(storeId: StoreId): BatchStream | undefined {
    return this.#streams.get(storeId);
  }

  /** Rejects with KvError: NOT_FOUND for a store that is gone, else what the scheduler call failed with. */
  resolve(storeId: StoreId): Promise<BatchStream> {
    const running = this.#resolving.get(storeId);
    if (running !== undefined) return running;
    const resolving = this.#resolve(storeId).finally(() => this.#resolving.delete(storeId));
    this.#resolving.set(storeId, resolving);
    return resolving;
  }

  /**
   * After a failure: the store may have come back at another address. Until the scheduler has said so the
   * old one is good, since a store that restarts keeps it as a rule and the scheduler may be down too.
   */
  suspect(storeId: StoreId): void {
    this.resolve(storeId).catch((error: unknown) => {
      this.#env.logger.debug('store address not known', { storeId, error: errorMessage(error) });
    });
  }

  /**
   * Finds out where stores are before they are needed: when a Region gets another leader, the scheduler may be away.
   */
  learn(storeIds: Iterable<StoreId>): void {
    for (const storeId of storeIds) {
      if (!this.#streams.has(storeId) && !this.#resolving.has(storeId)) this.suspect(storeId);
    }
  }

  /** As {@link BatchStream.endScope}. */
  endScope(scope: WorkScope): void {
    for (const stream of this.#streams.values()) stream.endScope(scope);
  }

  close(): void {
    this.#closed = true;
    for (const stream of this.#streams.values()) stream.close();
    this.#streams.clear();
  }

  async #resolve(storeId: StoreId): Promise<BatchStream> {
    const store = await this.#scheduler.getStore(storeId);
    if (this.#closed) throw new KvError('CANCELLED', 'the client is closed');
    const old = this.#streams.get(storeId);
    if (store.state === 'tombstone') {
      this.#streams.delete(storeId);
      old?.close();
      throw new KvError('NOT_FOUND', `store ${storeId} is gone`);
    }
    if (old?.address === store.address) return old;
    const stream = new BatchStream(this.#env, store.address);
    this.#streams.set(storeId, stream);
    if (old === undefined) this.#learnOthers();
    // Requests in flight to the old address fail as unknown: nobody else would answer them.
    old?.close();
    return stream;
  }

  /** In the background; a stream connects when something is sent. */
  #learnOthers(): void {
    this.#scheduler.allStores().then(
      (stores) => {
        if (this.#closed) return;
        for (const { id, address, state } of stores) {
          if (state === 'tombstone' || this.#streams.has(id)) continue;
          this.#streams.set(id, new BatchStream(this.#env, address));
        }
      },
      (error: unknown) => {
        this.#env.logger.debug('store addresses not known', { error: errorMessage(error) });
      },
    );
  }
}
