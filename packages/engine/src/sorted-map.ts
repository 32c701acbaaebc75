import { assert, compareBytes, type IteratorRange } from '@tinykv/base';

/** A node that grows past this is cut in half. */
const NODE_MAX = 128;
/** Of a map that is made at once: leaves room. */
const NODE_FILL = 96;

/** A sorted run of keys; never empty. Written in place only by the version that made it. */
interface Chunk<V> {
  readonly version: number;
  readonly keys: Uint8Array[];
  readonly values: V[];
}

/** Sorted, disjoint chunks; never empty. Written in place only by the version that made it. */
interface Branch<V> {
  readonly version: number;
  readonly chunks: Chunk<V>[];
}

/** Sorted, disjoint branches. Once frozen it never changes. */
type Root<V> = Branch<V>[];

/**
 * An ordered map from bytes to values with cheap frozen views: a three-level tree whose nodes are copied
 * by the first change after a `freeze`. With four million keys the root has some four hundred branches.
 */
export class SortedMap<V> {
  #root: Root<V> = [];
  #version = 1;
  /** The version that made `#root`. */
  #rootVersion = 1;
  #size = 0;
  #copied = 0;

  get size(): number {
    return this.#size;
  }

  /** How many slots of nodes have been copied for changes after a `freeze`. */
  get copied(): number {
    return this.#copied;
  }

  /** Takes a key above all others, without a search. Only before the first `freeze`. */
  append(key: Uint8Array, value: V): void {
    assert(this.#version === 1, 'append to a map that has been frozen');
    const branch = this.#root.at(-1);
    const chunk = branch?.chunks.at(-1);
    this.#size++;
    if (chunk !== undefined && chunk.keys.length < NODE_FILL) {
      chunk.keys.push(key);
      chunk.values.push(value);
      return;
    }
    const next = { version: this.#version, keys: [key], values: [value] };
    if (branch !== undefined && branch.chunks.length < NODE_FILL) branch.chunks.push(next);
    else this.#root.push({ version: this.#version, chunks: [next] });
  }

  get(key: Uint8Array): V | undefined {
    return getIn(this.#root, key);
  }

  /** Returns what the key had before. */
  set(key: Uint8Array, value: V): V | undefined {
    if (this.#root.length === 0) {
      const version = this.#version;
      this.#ownRoot().push({ version, chunks: [{ version, keys: [key], values: [value] }] });
      this.#size++;
      return undefined;
    }
    const b = branchFor(this.#root, key);
    const branch = this.#ownBranch(b);
    const c = chunkFor(branch.chunks, key);
    const chunk = this.#ownChunk(branch, c);
    const i = lowerBound(chunk.keys, key);
    if (i < chunk.keys.length && compareBytes(chunk.keys[i]!, key) === 0) {
      const before = chunk.values[i];
      chunk.values[i] = value;
      return before;
    }
    chunk.keys.splice(i, 0, key);
    chunk.values.splice(i, 0, value);
    this.#size++;
    if (chunk.keys.length > NODE_MAX) this.#splitChunk(b, c);
    return undefined;
  }

  /** Returns what the key had. */
  delete(key: Uint8Array): V | undefined {
    const before = getIn(this.#root, key);
    if (before === undefined) return undefined;
    const b = branchFor(this.#root, key);
    const branch = this.#ownBranch(b);
    const c = chunkFor(branch.chunks, key);
    const chunk = this.#ownChunk(branch, c);
    const i = lowerBound(chunk.keys, key);
    chunk.keys.splice(i, 1);
    chunk.values.splice(i, 1);
    if (chunk.keys.length === 0) branch.chunks.splice(c, 1);
    if (branch.chunks.length === 0) this.#ownRoot().splice(b, 1);
    this.#size--;
    return before;
  }

  /** The map as it is now, whatever is done to it later. */
  freeze(): SortedView<V> {
    this.#version++;
    return new SortedView(this.#root);
  }

  /** Both are this version's own. */
  #splitChunk(b: number, c: number): void {
    const branch = this.#root[b]!;
    const chunk = branch.chunks[c]!;
    const middle = chunk.keys.length >>> 1;
    branch.chunks.splice(c + 1, 0, {
      version: this.#version,
      keys: chunk.keys.splice(middle),
      values: chunk.values.splice(middle),
    });
    if (branch.chunks.length <= NODE_MAX) return;
    const chunks = branch.chunks.splice(branch.chunks.length >>> 1);
    this.#ownRoot().splice(b + 1, 0, { version: this.#version, chunks });
  }

  #ownRoot(): Root<V> {
    if (this.#rootVersion !== this.#version) {
      this.#copied += this.#root.length;
      this.#root = this.#root.slice();
      this.#rootVersion = this.#version;
    }
    return this.#root;
  }

  #ownBranch(at: number): Branch<V> {
    const branch = this.#root[at]!;
    if (branch.version === this.#version) return branch;
    this.#copied += branch.chunks.length;
    const copy = { version: this.#version, chunks: branch.chunks.slice() };
    this.#ownRoot()[at] = copy;
    return copy;
  }

  #ownChunk(branch: Branch<V>, at: number): Chunk<V> {
    const chunk = branch.chunks[at]!;
    if (chunk.version === this.#version) return chunk;
    this.#copied += chunk.keys.length;
    const copy = {
      version: this.#version,
      keys: chunk.keys.slice(),
      values: chunk.values.slice(),
    };
    branch.chunks[at] = copy;
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
    for (const { keys, values } of this.#chunksFrom(start)) {
      for (let i = lowerBound(keys, start); i < keys.length; i++) {
        const key = keys[i]!;
        if (end.length > 0 && compareBytes(key, end) >= 0) return;
        yield [key, values[i]!];
      }
    }
  }

  *#backward({ start, end }: IteratorRange): Generator<readonly [Uint8Array, V]> {
    const bounded = end.length > 0;
    for (const { keys, values } of this.#chunksBack(bounded ? end : undefined)) {
      const from = bounded ? lowerBound(keys, end) : keys.length;
      for (let i = from - 1; i >= 0; i--) {
        const key = keys[i]!;
        if (compareBytes(key, start) < 0) return;
        yield [key, values[i]!];
      }
    }
  }

  /** Chunks from the one that holds the key, or would take it, to the end. */
  *#chunksFrom(key: Uint8Array): Generator<Chunk<V>> {
    const first = branchFor(this.#root, key);
    for (let b = first; b < this.#root.length; b++) {
      const { chunks } = this.#root[b]!;
      for (let c = b === first ? chunkFor(chunks, key) : 0; c < chunks.length; c++) {
        yield chunks[c]!;
      }
    }
  }

  /** Chunks from the one that holds the key, or would take it, to the start; undefined: all. */
  *#chunksBack(key: Uint8Array | undefined): Generator<Chunk<V>> {
    const last = key === undefined ? this.#root.length - 1 : branchFor(this.#root, key);
    for (let b = Math.min(last, this.#root.length - 1); b >= 0; b--) {
      const { chunks } = this.#root[b]!;
      const from = b === last && key !== undefined ? chunkFor(chunks, key) : chunks.length - 1;
      for (let c = from; c >= 0; c--) yield chunks[c]!;
    }
  }
}

function getIn<V>(root: Root<V>, key: Uint8Array): V | undefined {
  const branch = root[branchFor(root, key)];
  if (branch === undefined) return undefined;
  const chunk = branch.chunks[chunkFor(branch.chunks, key)]!;
  const i = lowerBound(chunk.keys, key);
  const found = chunk.keys[i];
  return found !== undefined && compareBytes(found, key) === 0 ? chunk.values[i] : undefined;
}

/** The branch that holds the key or would take it: the last one that starts at or before it, else 0. */
function branchFor<V>(root: Root<V>, key: Uint8Array): number {
  return lastAtOrBefore(root, firstOfBranch, key);
}

/** As {@link branchFor}, within a branch. */
function chunkFor<V>(chunks: readonly Chunk<V>[], key: Uint8Array): number {
  return lastAtOrBefore(chunks, firstOfChunk, key);
}

function firstOfBranch<V>({ chunks }: Branch<V>): Uint8Array {
  return chunks[0]!.keys[0]!;
}

function firstOfChunk<V>({ keys }: Chunk<V>): Uint8Array {
  return keys[0]!;
}

function lastAtOrBefore<N>(
  nodes: readonly N[],
  firstOf: (node: N) => Uint8Array,
  key: Uint8Array,
): number {
  let low = 0;
  let high = nodes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes(firstOf(nodes[middle]!), key) <= 0) low = middle + 1;
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
