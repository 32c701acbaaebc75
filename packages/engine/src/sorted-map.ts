import { compareBytes, type IteratorRange } from '@tinykv/base';

/** A chunk that grows past this is cut in half. */
const CHUNK_MAX = 128;
/** Of a map that is made at once: leaves room. */
const CHUNK_FILL = 96;

/** A sorted run of keys; never empty. Written in place only by the version that made it. */
interface Chunk<V> {
  readonly version: number;
  readonly keys: Uint8Array[];
  readonly values: V[];
}

/** Sorted, disjoint chunks. Once frozen it never changes. */
type Root<V> = Chunk<V>[];

/**
 * An ordered map from bytes to values with cheap frozen views: a two-level tree whose nodes are copied
 * by the first change after a `freeze`.
 */
export class SortedMap<V> {
  #root: Root<V> = [];
  #version = 1;
  /** The version that made `#root`. */
  #rootVersion = 1;
  #size = 0;

  /** Of entries in strictly ascending order, without a search for each. */
  static fromSorted<V>(entries: readonly (readonly [Uint8Array, V])[]): SortedMap<V> {
    const map = new SortedMap<V>();
    for (let i = 0; i < entries.length; i += CHUNK_FILL) {
      const part = entries.slice(i, i + CHUNK_FILL);
      const keys = part.map(([key]) => key);
      map.#root.push({ version: map.#version, keys, values: part.map(([, value]) => value) });
    }
    map.#size = entries.length;
    return map;
  }

  get size(): number {
    return this.#size;
  }

  get(key: Uint8Array): V | undefined {
    return getIn(this.#root, key);
  }

  /** Returns what the key had before. */
  set(key: Uint8Array, value: V): V | undefined {
    if (this.#root.length === 0) {
      this.#ownRoot().push({ version: this.#version, keys: [key], values: [value] });
      this.#size++;
      return undefined;
    }
    const at = chunkFor(this.#root, key);
    const chunk = this.#ownChunk(at);
    const i = lowerBound(chunk.keys, key);
    if (i < chunk.keys.length && compareBytes(chunk.keys[i]!, key) === 0) {
      const before = chunk.values[i];
      chunk.values[i] = value;
      return before;
    }
    chunk.keys.splice(i, 0, key);
    chunk.values.splice(i, 0, value);
    this.#size++;
    if (chunk.keys.length > CHUNK_MAX) this.#split(at, chunk);
    return undefined;
  }

  /** Returns what the key had. */
  delete(key: Uint8Array): V | undefined {
    const before = getIn(this.#root, key);
    if (before === undefined) return undefined;
    const at = chunkFor(this.#root, key);
    const chunk = this.#ownChunk(at);
    const i = lowerBound(chunk.keys, key);
    chunk.keys.splice(i, 1);
    chunk.values.splice(i, 1);
    if (chunk.keys.length === 0) this.#ownRoot().splice(at, 1);
    this.#size--;
    return before;
  }

  /** The map as it is now, whatever is done to it later. */
  freeze(): SortedView<V> {
    this.#version++;
    return new SortedView(this.#root);
  }

  #split(at: number, chunk: Chunk<V>): void {
    const middle = chunk.keys.length >>> 1;
    this.#ownRoot().splice(at + 1, 0, {
      version: this.#version,
      keys: chunk.keys.splice(middle),
      values: chunk.values.splice(middle),
    });
  }

  #ownRoot(): Root<V> {
    if (this.#rootVersion !== this.#version) {
      this.#root = this.#root.slice();
      this.#rootVersion = this.#version;
    }
    return this.#root;
  }

  #ownChunk(at: number): Chunk<V> {
    const chunk = this.#root[at]!;
    if (chunk.version === this.#version) return chunk;
    const copy = {
      version: this.#version,
      keys: chunk.keys.slice(),
      values: chunk.values.slice(),
    };
    this.#ownRoot()[at] = copy;
    return copy;
  }
}

/** A frozen {@link SortedMap}. */
export class SortedView<V> {
  readonly #root: Root<V>;

  constructor(root: Root<V>) {
    this.#root = root;
  }

  get(key: Uint8Array): V | undefined {
    return getIn(this.#root, key);
  }

  /** Empty `end` means no end. */
  *entries(range: IteratorRange): Generator<readonly [Uint8Array, V]> {
    if (range.reverse === true) yield* this.#backward(range);
    else yield* this.#forward(range);
  }

  *#forward({ start, end }: IteratorRange): Generator<readonly [Uint8Array, V]> {
    const first = chunkFor(this.#root, start);
    for (let c = first; c < this.#root.length; c++) {
      const { keys, values } = this.#root[c]!;
      for (let i = c === first ? lowerBound(keys, start) : 0; i < keys.length; i++) {
        const key = keys[i]!;
        if (end.length > 0 && compareBytes(key, end) >= 0) return;
        yield [key, values[i]!];
      }
    }
  }

  *#backward({ start, end }: IteratorRange): Generator<readonly [Uint8Array, V]> {
    const bounded = end.length > 0;
    const last = bounded ? chunkFor(this.#root, end) : this.#root.length - 1;
    for (let c = Math.min(last, this.#root.length - 1); c >= 0; c--) {
      const { keys, values } = this.#root[c]!;
      const from = bounded && c === last ? lowerBound(keys, end) : keys.length;
      for (let i = from - 1; i >= 0; i--) {
        const key = keys[i]!;
        if (compareBytes(key, start) < 0) return;
        yield [key, values[i]!];
      }
    }
  }
}

function getIn<V>(root: Root<V>, key: Uint8Array): V | undefined {
  const chunk = root[chunkFor(root, key)];
  if (chunk === undefined) return undefined;
  const i = lowerBound(chunk.keys, key);
  const found = chunk.keys[i];
  return found !== undefined && compareBytes(found, key) === 0 ? chunk.values[i] : undefined;
}

/** The chunk that holds the key or would take it: the last one that starts at or before it, else 0. */
function chunkFor<V>(root: Root<V>, key: Uint8Array): number {
  let low = 0;
  let high = root.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes(root[middle]!.keys[0]!, key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? 0 : low - 1;
}

/** The first position whose key is not below `key`. */
function lowerBound(keys: readonly Uint8Array[], key: Uint8Array): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes(keys[middle]!, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
