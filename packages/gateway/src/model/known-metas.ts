import { CodecError, EMPTY_BYTES, keyString } from '@tinykv/base';
import { metaKey } from './keys.js';
import { NEEDS_MORE } from './loads.js';
import { isExpired, type Meta, readMeta, type StoredMeta, UNREADABLE } from './meta-codec.js';

/** The knowledge of a transaction about one key. */
export interface KnownMeta {
  readonly key: Uint8Array;
  meta: StoredMeta | undefined;
  /** The body of `meta` is left out: what it says is enough to remove the key. */
  headOnly: boolean;
  written: boolean;
}

/** A meta that is to be loaded. */
export interface WantedMeta {
  readonly of: KnownMetas;
  readonly key: Uint8Array;
  /** Where it lies. */
  readonly record: Uint8Array;
  readonly headOnly: boolean;
}

/** Metas of one database, read or written so far, expired ones included, by their Redis key; and those that are wanted. */
export class KnownMetas {
  readonly #prefix: Uint8Array;
  readonly #nowMs: number;
  readonly #known = new Map<string, KnownMeta>();
  readonly #wanted = new Map<string, WantedMeta>();

  constructor(prefix: Uint8Array, nowMs: number) {
    this.#prefix = prefix;
    this.#nowMs = nowMs;
  }

  get isMissing(): boolean {
    return this.#wanted.size > 0;
  }

  all(): Iterable<KnownMeta> {
    return this.#known.values();
  }

  known(key: Uint8Array): KnownMeta | undefined {
    return this.#known.get(keyString(key));
  }

  set(key: Uint8Array, meta: StoredMeta | undefined): void {
    this.#known.set(keyString(key), { key, meta, headOnly: false, written: false });
  }

  /** The record of a key has been read. */
  take(key: Uint8Array, value: Uint8Array | undefined, headOnly: boolean): void {
    const meta = value && readMeta(value);
    const kept = headOnly && typeof meta === 'object' ? { ...meta, body: EMPTY_BYTES } : meta;
    this.#known.set(keyString(key), { key, meta: kept, headOnly, written: false });
  }

  /** Throws CodecError for what cannot be read, {@link NEEDS_MORE} for what is not loaded. */
  get(key: Uint8Array): Meta | undefined {
    const known = this.#known.get(keyString(key));
    if (known === undefined || known.headOnly) {
      this.want([key], false);
      throw NEEDS_MORE;
    }
    const meta = this.visible(known);
    if (meta === UNREADABLE) throw new CodecError('the record of a key is of another format');
    return meta;
  }

  /** Metas in the order of the keys. Throws {@link NEEDS_MORE}. */
  many(keys: readonly Uint8Array[]): (StoredMeta | undefined)[] {
    this.want(keys, false);
    if (this.isMissing) throw NEEDS_MORE;
    return keys.map((key) => this.visible(this.known(key)!));
  }

  /** Throws {@link NEEDS_MORE}. */
  isThere(key: Uint8Array): boolean {
    const known = this.known(key);
    if (known !== undefined) return this.visible(known) !== undefined;
    this.want([key], true);
    throw NEEDS_MORE;
  }

  /** Notes keys that are not loaded. For `headOnly` keys their presence is kept, not their value. */
  want(keys: readonly Uint8Array[], headOnly: boolean): void {
    for (const key of keys) {
      const name = keyString(key);
      const known = this.#known.get(name);
      if (known !== undefined && (headOnly || !known.headOnly)) continue;
      const former = this.#wanted.get(name);
      if (former !== undefined && (headOnly || !former.headOnly)) continue;
      this.#wanted.set(name, { of: this, key, record: metaKey(this.#prefix, key), headOnly });
    }
  }

  /** Hands over what is wanted. */
  takeWanted(into: WantedMeta[]): void {
    if (this.#wanted.size === 0) return;
    into.push(...this.#wanted.values());
    this.#wanted.clear();
  }

  visible({ meta }: KnownMeta): StoredMeta | undefined {
    return meta === undefined || isExpired(meta, this.#nowMs) ? undefined : meta;
  }

  /** Forgets all of it. */
  clear(): void {
    this.#known.clear();
    this.#wanted.clear();
  }
}
