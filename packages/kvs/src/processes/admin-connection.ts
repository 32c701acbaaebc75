import type { Env } from '@tinykv/base';
import { type SchedulerAdmin, SchedulerClient } from '@tinykv/client';

/** A scheduler that may not be there yet: connects at the first call that succeeds, then keeps it. */
export class AdminConnection {
  readonly #env: Env;
  readonly #endpoints: readonly string[];
  #client: SchedulerClient | undefined;

  constructor(env: Env, endpoints: readonly string[]) {
    this.#env = env;
    this.#endpoints = endpoints;
  }

  /** Rejects with KvError UNAVAILABLE while no scheduler answers. */
  async get(): Promise<SchedulerAdmin> {
    this.#client ??= await SchedulerClient.connect(this.#env, this.#endpoints);
    return this.#client.admin;
  }

  close(): void {
    this.#client?.close();
  }
}
