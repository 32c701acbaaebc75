import { assert, MemoryBudget } from '@tinykv/base';

interface Waiter {
  readonly alone: boolean;
  readonly bytes: number;
  readonly grant: () => void;
}

/** The commands of one key. */
interface Turns {
  running: number;
  /** A compare-and-swap runs, and nothing beside it. */
  alone: boolean;
  /** Undefined while nobody has waited: most keys never have two writers at a time. */
  queue: Waiter[] | undefined;
}

/**
 * Orders the writing commands of a store on each raw key. Blind writes run side by side, since none has read what another
 * writes. A compare-and-swap runs alone: it begins when all writes before it have an outcome, and those after it wait for
 * its own. So the value that it compares is the one that its write replaces. First come, first served.
 *
 * Invariant: the first waiter of a key cannot run beside what runs.
 */
export class RawTurns {
  readonly #commandsMax: number;
  readonly #waitingBytes: MemoryBudget;
  readonly #keys = new Map<string, Turns>();
  #waiting = 0;

  constructor(commandsMax: number, waitingBytesMax: number) {
    this.#commandsMax = commandsMax;
    this.#waitingBytes = new MemoryBudget(waitingBytesMax);
  }

  /** Keys that have a command. */
  get keys(): number {
    return this.#keys.size;
  }

  /** Undefined: it may run at once. `busy`: too much waits. Each turn but a busy one ends with `leave`. */
  enter(name: string, alone: boolean, bytes: number): Promise<void> | undefined | 'busy' {
    const turns = this.#keys.get(name);
    if (turns === undefined) {
      this.#keys.set(name, { running: 1, alone, queue: undefined });
      return undefined;
    }
    if (!alone && !turns.alone && turns.queue === undefined) {
      turns.running += 1;
      return undefined;
    }
    if (this.#waiting >= this.#commandsMax || !this.#waitingBytes.hasRoom(bytes)) return 'busy';
    this.#waiting += 1;
    this.#waitingBytes.reserve(bytes);
    return new Promise<void>((grant) => {
      turns.queue ??= [];
      turns.queue.push({ alone, bytes, grant });
    });
  }

  leave(name: string): void {
    const turns = this.#keys.get(name);
    assert(turns !== undefined && turns.running > 0, 'a turn ends that has not begun');
    turns.running -= 1;
    if (turns.running > 0) return;
    turns.alone = false;
    this.#grantNext(turns);
    if (turns.running === 0) this.#keys.delete(name);
  }

  /** Nothing runs: lets one compare-and-swap run, or all blind writes before the next. */
  #grantNext(turns: Turns): void {
    const { queue = [] } = turns;
    const next = queue.findIndex(({ alone }) => alone);
    const count = next === 0 ? 1 : next === -1 ? queue.length : next;
    turns.alone = next === 0;
    turns.running = count;
    const rest = queue.slice(count);
    turns.queue = rest.length > 0 ? rest : undefined;
    for (const { bytes, grant } of queue.slice(0, count)) {
      this.#waiting -= 1;
      this.#waitingBytes.release(bytes);
      grant();
    }
  }
}
