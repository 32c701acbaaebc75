import { type Env, KvError } from '@tinykv/base';
import { AdminConnection } from '@tinykv/kvs';

/** Ids that the scheduler has given to the stores of a playground, by address. */
export class StoreIds {
  readonly #admin: AdminConnection;
  readonly #ids = new Map<string, number>();

  constructor(env: Env, scheduler: string) {
    this.#admin = new AdminConnection(env, [scheduler]);
  }

  get admin(): AdminConnection {
    return this.#admin;
  }

  /** Known so far. */
  get byAddress(): ReadonlyMap<string, number> {
    return this.#ids;
  }

  /** Asks the scheduler when one of the addresses has no id yet; while it is away, what is known stays. */
  async refresh(addresses: readonly string[]): Promise<void> {
    if (addresses.every((address) => this.#ids.has(address))) return;
    try {
      const { stores } = await (await this.#admin.get()).clusterStatus();
      for (const { store } of stores) {
        if (store.state !== 'tombstone') this.#ids.set(store.address, store.id);
      }
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
    }
  }

  close(): void {
    this.#admin.close();
  }
}
