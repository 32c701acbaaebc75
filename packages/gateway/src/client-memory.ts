import { limits, MemoryBudget } from '@tinykv/base';

/** A client, as one of those who hold memory. */
export interface MemoryHolder {
  /** Bytes that it holds by its last word to {@link ClientMemory.hold}. */
  readonly heldBytes: number;
  readonly isGone: boolean;
  /** Drops its connection, and with it what it can give back at once. */
  evict(): void;
}

/**
 * The memory that all clients of a gateway hold, against one budget. While it is full, the client that holds most is
 * dropped, as by the `maxmemory-clients` of Redis, unless even that one holds little. The memory of a dropped client's running
 * commands counts until they end.
 */
export class ClientMemory {
  readonly #budget: MemoryBudget;
  readonly #clients: () => Iterable<MemoryHolder>;

  constructor(bytesMax: number, clients: () => Iterable<MemoryHolder>) {
    this.#budget = new MemoryBudget(bytesMax);
    this.#clients = clients;
  }

  get used(): number {
    return this.#budget.used;
  }

  /** A client holds `now` bytes instead of `before`. */
  hold(before: number, now: number): void {
    if (now < before) this.#budget.release(before - now);
    else this.#budget.reserve(now - before);
  }

  /** Drops clients as long as the budget is full. */
  relieve(): void {
    while (this.#budget.isFull) {
      const largest = this.#largest();
      if (largest === undefined || largest.heldBytes < limits.gatewayClientBytesMin) return;
      largest.evict();
    }
  }

  #largest(): MemoryHolder | undefined {
    let largest: MemoryHolder | undefined;
    for (const client of this.#clients()) {
      if (client.isGone) continue;
      if (largest === undefined || client.heldBytes > largest.heldBytes) largest = client;
    }
    return largest;
  }
}
