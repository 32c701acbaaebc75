import type { Rng } from '@tinykv/base';

/** The entry that a change of names replaced. */
interface Change<T> {
  /** By name: what it stood for before; undefined is nothing. */
  readonly before: ReadonlyMap<string, T | undefined>;
  /** A sync of it has failed: no later one brings it to the disk. */
  isDoomed: boolean;
}

/** The fate of changes of names that no sync had covered at a power cut. */
export interface NameLoss {
  readonly kept: number;
  readonly lost: number;
}

/**
 * The names of a simulated folder. A change is seen at once and is durable after the next sync of the folder. A
 * power cut undoes any of those that are not, each drawn alone; a change of the same name comes after
 * the former, so one that is kept keeps those before it.
 */
export class Folder<T> {
  readonly #entries = new Map<string, T>();
  /** In the order in which they were made. */
  #unsynced: Change<T>[] = [];

  get(name: string): T | undefined {
    return this.#entries.get(name);
  }

  names(): string[] {
    return [...this.#entries.keys()];
  }

  values(): T[] {
    return [...this.#entries.values()];
  }

  entries(): [string, T][] {
    return [...this.#entries];
  }

  /** Durable at once: how a test or a fault puts things in place. */
  place(name: string, value: T | undefined): void {
    this.#set(name, value);
  }

  /** Names that change together: all of them survive a power cut, or none does. */
  change(changes: readonly (readonly [name: string, value: T | undefined])[]): void {
    const before = new Map(changes.map(([name]) => [name, this.#entries.get(name)]));
    this.#unsynced.push({ before, isDoomed: false });
    for (const [name, value] of changes) this.#set(name, value);
  }

  /** Runs a sync, which covers what was changed before it began. */
  async sync(work: () => Promise<void>): Promise<void> {
    const covered = new Set(this.#unsynced);
    try {
      await work();
    } catch (error) {
      for (const change of covered) change.isDoomed = true;
      throw error;
    }
    this.#unsynced = this.#unsynced.filter((change) => change.isDoomed || !covered.has(change));
  }

  crash(rng: Rng): NameLoss {
    const kept = new Set<string>();
    const loss = { kept: 0, lost: 0 };
    for (const { before, isDoomed } of this.#unsynced.reverse()) {
      const isNeeded = [...before.keys()].some((name) => kept.has(name));
      if (isNeeded || (!isDoomed && rng.int(0, 2) === 0)) {
        for (const name of before.keys()) kept.add(name);
        loss.kept++;
        continue;
      }
      for (const [name, value] of before) this.#set(name, value);
      loss.lost++;
    }
    this.#unsynced = [];
    return loss;
  }

  #set(name: string, value: T | undefined): void {
    if (value === undefined) this.#entries.delete(name);
    else this.#entries.set(name, value);
  }
}
