import type { KvPair, ScanOptions } from '../range-scan.js';
import { Scan } from '../scan.js';
import type { Codecs } from './codec.js';

/** A key and its value as a program sees them. */
export interface TypedPair<K, V> {
  readonly key: K;
  readonly value: V;
}

export interface TypedScanOptions<K> {
  /** The first key; default: from the beginning. */
  readonly start?: K;
  /** The first key not to be read; default: no end. */
  readonly end?: K;
  /** Most pairs to be read; default: no limit. */
  readonly limit?: number;
  /** Downwards from `end` (exclusive) to the start (inclusive). */
  readonly reverse?: boolean;
}

/** Reads of bytes, with options of the kind `O`. */
export interface ByteReads<O> {
  get(key: Uint8Array, options?: O): Promise<Uint8Array | undefined>;
  batchGet(keys: readonly Uint8Array[], options?: O): Promise<(Uint8Array | undefined)[]>;
  scan(start: Uint8Array, options: ScanOptions & O): Scan<KvPair>;
}

/** Reads through codecs. What a codec throws, the call throws. */
export class TypedReads<K, V, O extends object> {
  protected readonly codecs: Codecs<K, V>;
  readonly #reads: ByteReads<O>;

  constructor(reads: ByteReads<O>, codecs: Codecs<K, V>) {
    this.#reads = reads;
    this.codecs = codecs;
  }

  /** Undefined: the key does not exist. */
  async get(key: K, options?: O): Promise<V | undefined> {
    return this.#decode(await this.#reads.get(this.codecs.key.encode(key), options));
  }

  /** Values in the order of the keys; undefined where there is none. */
  async batchGet(keys: readonly K[], options?: O): Promise<(V | undefined)[]> {
    const encoded = keys.map((key) => this.codecs.key.encode(key));
    const values = await this.#reads.batchGet(encoded, options);
    return values.map((value) => this.#decode(value));
  }

  /** Pairs in the order of the encoded keys. */
  scan(options: TypedScanOptions<K> & O): Scan<TypedPair<K, V>> {
    const { key, value } = this.codecs;
    return this.#scan(options, false, (pair) => ({
      key: key.decode(pair.key),
      value: value.decode(pair.value),
    }));
  }

  /** Keys without their values, in the same order. */
  keys(options: TypedScanOptions<K> & O): Scan<K> {
    return this.#scan(options, true, (pair) => this.codecs.key.decode(pair.key));
  }

  #scan<T>(
    { start, end, ...rest }: TypedScanOptions<K> & O,
    keyOnly: boolean,
    toItem: (pair: KvPair) => T,
  ): Scan<T> {
    const { key } = this.codecs;
    const from = start === undefined ? new Uint8Array(0) : key.encode(start);
    const to = end === undefined ? {} : { end: key.encode(end) };
    const options = { ...rest, ...to, keyOnly } as unknown as ScanOptions & O;
    const reads = this.#reads;
    return new Scan(async function* () {
      for await (const page of reads.scan(from, options).pages()) yield mapped(page, toItem);
    });
  }

  #decode(value: Uint8Array | undefined): V | undefined {
    return value === undefined ? undefined : this.codecs.value.decode(value);
  }
}

/** Item by item, when they are asked for. */
function* mapped<T>(page: Iterable<KvPair>, toItem: (pair: KvPair) => T): Generator<T, void> {
  for (const pair of page) yield toItem(pair);
}
