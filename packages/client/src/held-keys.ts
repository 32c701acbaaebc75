import { keyString } from '@tinykv/base';
import type { KeyRange } from '@tinykv/model';
import { SortedNames } from './sorted-names.js';
import type { OwnWrites, Write } from './txn-buffer.js';

/** Keys that a transaction holds locked, and what was committed there when it was given the locks. */
export class HeldKeys {
  /** A `delete`: the key does not exist. */
  readonly #byName = new Map<string, Write>();
  readonly #names = new SortedNames();

  get size(): number {
    return this.#byName.size;
  }

  has(key: Uint8Array): boolean {
    return this.#byName.has(keyString(key));
  }

  get(name: string): Write | undefined {
    return this.#byName.get(name);
  }

  /** In the order in which they were locked. */
  keys(): Uint8Array[] {
    return [...this.#byName.values()].map(({ key }) => key);
  }

  add(key: Uint8Array, value: Uint8Array | undefined): void {
    const name = keyString(key);
    if (!this.#byName.has(name)) this.#names.add(name);
    this.#byName.set(
      name,
      value === undefined ? { kind: 'delete', key } : { kind: 'put', key, value },
    );
  }

  /** Committed values under the locks of a range, of which `most` keys are looked at. */
  range(range: KeyRange, reverse: boolean, most: number): OwnWrites {
    const writes = this.#names.take(range, reverse, most).map((name) => this.#byName.get(name)!);
    return { writes, last: writes.length < most ? undefined : writes.at(-1)!.key };
  }
}
