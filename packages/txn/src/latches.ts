import { assert, MemoryBudget } from '@tinykv/base';

/** A command's place in the queues of its keys. */
export interface Latch {
  /** Undefined: held already. */
  readonly held: Promise<void> | undefined;
  release(): void;
}

interface Waiter {
  readonly keys: readonly string[];
  /** Reserved while it waits. */
  readonly bytes: number;
  /** Keys on which an earlier command stands before this one. */
  blockedKeys: number;
  grant: (() => void) | undefined;
}

/**
 * Orders the writing commands of a store key by key. A command joins the queues of all its keys in one
 * step and holds its latches when it is first in each: first come, first served on every key, and since
 * all queues agree on who came first there is no circle of waiting.
 *
 * Invariant: a waiter that is first in all its queues has been granted.
 */
export class Latches {
  readonly #commandsMax: number;
  readonly #waitingBytes: MemoryBudget;
  readonly #queues = new Map<string, Waiter[]>();
  #commands = 0;

  constructor(commandsMax: number, waitingBytesMax: number) {
    this.#commandsMax = commandsMax;
    this.#waitingBytes = new MemoryBudget(waitingBytesMax);
  }

  isFree(key: string): boolean {
    return !this.#queues.has(key);
  }

  /** Commands that hold or wait. */
  get commands(): number {
    return this.#commands;
  }

  /** Bytes that the waiting commands keep in memory. */
  get waitingBytes(): number {
    return this.#waitingBytes.used;
  }

  /**
   * Undefined when too many commands hold or wait, or when this one would have to wait and those that do so keep too
   * much in memory already. `keys` are distinct; `bytes` is what the command keeps.
   */
  acquire(keys: readonly string[], bytes: number): Latch | undefined {
    if (this.#commands >= this.#commandsMax) return undefined;
    if (!this.#waitingBytes.hasRoom(bytes) && keys.some((key) => this.#queues.has(key))) {
      return undefined;
    }
    this.#commands += 1;
    const waiter: Waiter = { keys, bytes, blockedKeys: 0, grant: undefined };
    for (const key of keys) {
      const queue = this.#queues.get(key);
      if (queue === undefined) {
        this.#queues.set(key, [waiter]);
      } else {
        assert(queue.at(-1) !== waiter, () => `key is latched twice by one command`);
        queue.push(waiter);
        waiter.blockedKeys += 1;
      }
    }
    let held: Promise<void> | undefined;
    if (waiter.blockedKeys > 0) {
      this.#waitingBytes.reserve(bytes);
      held = new Promise<void>((resolve) => {
        waiter.grant = resolve;
      });
    }
    return { held, release: () => this.#release(waiter) };
  }

  #release(waiter: Waiter): void {
    assert(waiter.blockedKeys === 0, 'a latch is released before it is held');
    this.#commands -= 1;
    for (const key of waiter.keys) {
      const queue = this.#queues.get(key);
      assert(queue?.[0] === waiter, 'a latch is released by another than its holder');
      queue.shift();
      const next = queue.at(0);
      if (next === undefined) {
        this.#queues.delete(key);
        continue;
      }
      next.blockedKeys -= 1;
      if (next.blockedKeys > 0) continue;
      this.#waitingBytes.release(next.bytes);
      next.grant?.();
    }
  }
}
