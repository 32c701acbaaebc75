import { keyString, limits } from '@tinykv/base';

/** Keys that other transactions write at the same time: whoever is run again locks them before it begins. */
export class ContendedKeys {
  readonly #byName = new Map<string, Uint8Array>();

  keys(): readonly Uint8Array[] {
    return [...this.#byName.values()];
  }

  /** Whether one of them is new. Those past the limit are left to the commit, as before. */
  add(keys: readonly Uint8Array[]): boolean {
    const before = this.#byName.size;
    for (const key of keys) {
      if (this.#byName.size >= limits.clientLocksAheadMax) break;
      this.#byName.set(keyString(key), key);
    }
    return this.#byName.size > before;
  }
}
