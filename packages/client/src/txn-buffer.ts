import { assert, compareBytes, KvError, keyString, limits } from '@tinykv/base';
import { type KeyRange, rangeContains } from '@tinykv/model';
import type { KvPair, ScanPage } from './range-scan.js';

/** `lock`: the key keeps its value, but the transaction fails when another one writes it meanwhile. */
export type Mutation =
  | { readonly kind: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly key: Uint8Array }
  | { readonly kind: 'lock'; readonly key: Uint8Array };

/** The writes of a transaction before it commits: the last one for each key. */
export class TxnBuffer {
  readonly #byKey = new Map<string, Mutation>();
  /** Names of all keys; sorted up to what came since `#sort`. */
  readonly #names: string[] = [];
  #isSorted = true;
  #bytes = 0;

  get size(): number {
    return this.#byKey.size;
  }

  /** Of keys and values. */
  get bytes(): number {
    return this.#bytes;
  }

  get(key: Uint8Array): Mutation | undefined {
    return this.#byKey.get(keyString(key));
  }

  /** A lock leaves a put or delete of its key as it is. Throws KvError RESOURCE_EXHAUSTED when full. */
  set(mutation: Mutation): void {
    const name = keyString(mutation.key);
    const former = this.#byKey.get(name);
    if (former !== undefined && mutation.kind === 'lock') return;
    const bytes = this.#bytes + mutationBytes(mutation) - (former ? mutationBytes(former) : 0);
    if (bytes > limits.txnBytesMax || this.#byKey.size >= limits.txnKeysMax) {
      const text = `the transaction has ${this.#byKey.size} keys and ${bytes} bytes`;
      throw new KvError('RESOURCE_EXHAUSTED', text);
    }
    this.#bytes = bytes;
    this.#byKey.set(name, mutation);
    if (former !== undefined) return;
    this.#names.push(name);
    this.#isSorted = false;
  }

  /** All mutations in key order. */
  sorted(): Mutation[] {
    return this.#sort().map((name) => this.#byKey.get(name)!);
  }

  /** Puts and deletes in a range, in key order. */
  range({ start, end }: KeyRange): Mutation[] {
    const names = this.#sort();
    const out: Mutation[] = [];
    const stop = end.length === 0 ? undefined : keyString(end);
    for (let i = lowerBound(names, keyString(start)); i < names.length; i++) {
      const name = names[i]!;
      if (stop !== undefined && name >= stop) break;
      const mutation = this.#byKey.get(name)!;
      if (mutation.kind !== 'lock') out.push(mutation);
    }
    return out;
  }

  /** Cheap for a few new names behind many sorted ones: the sort merges runs. */
  #sort(): readonly string[] {
    if (!this.#isSorted) this.#names.sort(compareNames);
    this.#isSorted = true;
    return this.#names;
  }
}

/** Bytes of key and value. */
export function mutationBytes(mutation: Mutation): number {
  return mutation.key.length + (mutation.kind === 'put' ? mutation.value.length : 0);
}

/** What the transaction sees of a page: the stored pairs, overlaid with its own writes there. */
export function overlay(page: ScanPage, buffer: TxnBuffer, reverse: boolean): readonly KvPair[] {
  const own = buffer.range(page.covered);
  if (own.length === 0) return page.pairs;
  if (reverse) own.reverse();
  const sign = reverse ? -1 : 1;
  const out: KvPair[] = [];
  let i = 0;
  for (const mutation of own) {
    assert(rangeContains(page.covered, mutation.key), 'a buffered key outside the page');
    let order = -1;
    while (i < page.pairs.length) {
      order = sign * compareBytes(page.pairs[i]!.key, mutation.key);
      if (order >= 0) break;
      out.push(page.pairs[i++]!);
    }
    if (order === 0 && i < page.pairs.length) i++;
    if (mutation.kind === 'put') out.push({ key: mutation.key, value: mutation.value });
  }
  for (; i < page.pairs.length; i++) out.push(page.pairs[i]!);
  return out;
}

// Names have one char per byte, so the order of strings is the order of the bytes.
function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function lowerBound(names: readonly string[], name: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (names[middle]! < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
