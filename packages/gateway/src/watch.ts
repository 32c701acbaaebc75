import { keyString } from '@tinykv/base';
import type { TouchedKey } from './model/redis-txn.js';

/** A session that has to hear of writes to keys that it watches. */
export interface Watcher {
  /** A watched key was written, or may have been. */
  touched(): void;
}

/**
 * Who watches which key in this gateway. It makes WATCH notice every write that passes through here, also
 * one that leaves the value as it was. Writes through other gateways are found when EXEC compares
 * what is stored, inside its transaction: so EXEC never runs on values other than those watched.
 */
export class WatchRegistry {
  readonly #watchers = new Map<string, Set<Watcher>>();

  add(key: TouchedKey, watcher: Watcher): void {
    const name = nameOf(key);
    const set = this.#watchers.get(name);
    if (set === undefined) this.#watchers.set(name, new Set([watcher]));
    else set.add(watcher);
  }

  remove(key: TouchedKey, watcher: Watcher): void {
    const name = nameOf(key);
    const set = this.#watchers.get(name);
    set?.delete(watcher);
    if (set?.size === 0) this.#watchers.delete(name);
  }

  touch(keys: readonly TouchedKey[]): void {
    if (this.#watchers.size === 0) return;
    for (const key of keys) {
      for (const watcher of this.#watchers.get(nameOf(key)) ?? []) watcher.touched();
    }
  }
}

export function nameOf(key: TouchedKey): string {
  return `${key.db}/${keyString(key.key)}`;
}
