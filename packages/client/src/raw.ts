import { copyBytes, EMPTY_BYTES, KvError, limits } from '@tinykv/base';
import type { RawCf } from '@tinykv/model';
import { scanPages, tinykvpb, tinykvtxn } from '@tinykv/proto';
import { type AbortSignalLike, orAborted } from './abort.js';
import { CallLimits, type CallOptions } from './call-limits.js';
import { checkBytes, checkKey, checkScan, checkTtl } from './check-arguments.js';
import { UndeterminedError } from './errors.js';
import { type Operation, undetermined } from './operation.js';
import { forEachParallel } from './parallel.js';
import {
  answeredPage,
  type FetchPage,
  type KvPair,
  RangeScan,
  type ScanOptions,
} from './range-scan.js';
import type { Router } from './router.js';
import { Scan } from './scan.js';

export interface RawOptions extends CallOptions {
  /** Keys of different column families are independent. Default: `default`. */
  readonly cf?: RawCf;
}

export interface RawWriteOptions extends RawOptions {
  /**
   * Send the write again when nobody knows whether it was carried out. That may undo what another
   * client has written in between, so it is off by default: such a write throws
   * {@link UndeterminedError}.
   */
  readonly retryUnknown?: boolean;
}

export interface RawPutOptions extends RawWriteOptions {
  /**
   * The key is gone so many milliseconds after its store has taken the write, by the clock of the scheduler. Default:
   * never, as with `Infinity`; a put replaces the time to live together with the value.
   */
  readonly ttlMs?: number | undefined;
}

export interface RawSwapOptions extends RawOptions {
  /** As in {@link RawPutOptions}; by default the key expires when it would have anyway. */
  readonly ttlMs?: number | undefined;
}

export interface RawSwap {
  /** False: the present value was another, and nothing was written. */
  readonly swapped: boolean;
  /** The value that was compared; undefined: the key did not exist. */
  readonly previous: Uint8Array | undefined;
}

export type RawScanOptions = Omit<ScanOptions, 'valueBytesMax'> & RawOptions;

const rpc = tinykvpb.TinyKv;
const ext = tinykvtxn.Txn;

/**
 * Single keys without transactions; each call on a key is atomic and linearizable.
 *
 * All calls throw {@link RegionUnavailableError} when no store served them in time (certainly no effect)
 * and KvError INVALID_ARGUMENT for keys that no store takes; writes {@link UndeterminedError} when they
 * may or may not have been carried out.
 */
export class RawClient {
  readonly #router: Router;
  readonly #limits: CallLimits;

  constructor(router: Router) {
    this.#router = router;
    this.#limits = new CallLimits(router, {});
  }

  /** Undefined: the key does not exist. */
  get(key: Uint8Array, options: RawOptions = {}): Promise<Uint8Array | undefined> {
    return this.#limits.read(options, (operation) => this.#get(key, options, operation));
  }

  /** An empty value deletes the key, as in TinyKV. */
  async put(key: Uint8Array, value: Uint8Array, options: RawPutOptions = {}): Promise<void> {
    checkKey(key);
    checkBytes(value, 'value');
    const ttlMs = checkTtl(options.ttlMs, value);
    const cf = options.cf ?? 'default';
    const operation = this.#write(options);
    const sent =
      ttlMs === undefined || ttlMs === 'never'
        ? this.#router.send(key, rpc.rawPut, (context) => ({ context, cf, key, value }), operation)
        : this.#router.send(
            key,
            ext.rawPutWithTTL,
            (context) => ({ context, cf, key, value, ttlMs }),
            operation,
          );
    checkError((await orAborted(operation.signal, sent, abandoned)).error);
  }

  /** Milliseconds that the key has left; `Infinity`: it does not expire. Undefined: it does not exist. */
  ttl(key: Uint8Array, options: RawOptions = {}): Promise<number | undefined> {
    return this.#limits.read(options, async (operation) => {
      checkKey(key);
      const cf = options.cf ?? 'default';
      const { error, notFound, ttlMs } = await this.#router.send(
        key,
        ext.rawGetKeyTTL,
        (context) => ({ context, cf, key }),
        operation,
      );
      checkError(error);
      if (notFound) return undefined;
      return ttlMs === 0 ? Number.POSITIVE_INFINITY : ttlMs;
    });
  }

  /** Deleting a key that does not exist is no error. */
  async delete(key: Uint8Array, options: RawWriteOptions = {}): Promise<void> {
    checkKey(key);
    const cf = options.cf ?? 'default';
    const operation = this.#write(options);
    const sent = this.#router.send(
      key,
      rpc.rawDelete,
      (context) => ({ context, cf, key }),
      operation,
    );
    checkError((await orAborted(operation.signal, sent, abandoned)).error);
  }

  /**
   * Writes `value` if the present value is `expected`, in one step; undefined is a key that does not exist, and so is an empty
   * value. It is never sent again once it may have been carried out: then it throws {@link UndeterminedError}.
   */
  async compareAndSwap(
    key: Uint8Array,
    expected: Uint8Array | undefined,
    value: Uint8Array | undefined,
    options: RawSwapOptions = {},
  ): Promise<RawSwap> {
    checkKey(key);
    if (expected !== undefined) checkBytes(expected, 'expected value');
    if (value !== undefined) checkBytes(value, 'value');
    const ttlMs = checkTtl(options.ttlMs, value ?? EMPTY_BYTES);
    const operation = this.#write(options);
    const request = {
      cf: options.cf ?? 'default',
      key,
      expected: expected ?? EMPTY_BYTES,
      value: value ?? EMPTY_BYTES,
    };
    const sent =
      ttlMs === undefined
        ? this.#router.send(
            key,
            ext.rawCompareAndSwap,
            (context) => ({ ...request, context }),
            operation,
          )
        : this.#router.send(
            key,
            ext.rawCompareAndSwapWithTTL,
            (context) => ({ ...request, context, ttlMs: ttlMs === 'never' ? 0 : ttlMs }),
            operation,
          );
    const { error, swapped, previous } = await orAborted(operation.signal, sent, abandoned);
    checkError(error);
    return { swapped, previous: previous.length === 0 ? undefined : copyBytes(previous) };
  }

  /** Values in the order of the keys; undefined where there is none. Not one snapshot. */
  async batchGet(
    keys: readonly Uint8Array[],
    options: RawOptions = {},
  ): Promise<(Uint8Array | undefined)[]> {
    const values: (Uint8Array | undefined)[] = new Array(keys.length).fill(undefined);
    await this.#limits.read(options, (operation) =>
      forEachParallel(keys, limits.clientParallelRequestsMax, async (key, i) => {
        values[i] = await this.#get(key, options, operation.fork());
      }),
    );
    return values;
  }

  /**
   * Puts pairs in parallel, each by itself. When it throws, any of them may have been put; with
   * {@link UndeterminedError} some may still be put later.
   */
  async batchPut(pairs: readonly KvPair[], options: RawPutOptions = {}): Promise<void> {
    let unknown: UndeterminedError | undefined;
    await forEachParallel(pairs, limits.clientParallelRequestsMax, async ({ key, value }) => {
      try {
        await this.put(key, value, options);
      } catch (error) {
        if (error instanceof UndeterminedError) unknown ??= error;
        throw error;
      }
    }).catch((error: unknown) => {
      throw unknown ?? error;
    });
  }

  /**
   * Deletes all keys from `start` on, up to `end` (exclusive; empty: no end), key by key: the number of them. Not at one
   * moment: keys that others put meanwhile may stay. Time-outs are for each page and each key. When it throws, any of the
   * keys may have been deleted.
   */
  async deleteRange(
    start: Uint8Array,
    end: Uint8Array,
    options: RawWriteOptions = {},
  ): Promise<number> {
    checkBytes(end, 'end of a range');
    let count = 0;
    let keys: Uint8Array[] = [];
    const flush = async (): Promise<void> => {
      await forEachParallel(keys, limits.clientParallelRequestsMax, (key) =>
        this.delete(key, options),
      );
      count += keys.length;
      keys = [];
    };
    for await (const { key } of this.scan(start, { ...options, end, keyOnly: true })) {
      keys.push(key);
      if (keys.length >= limits.scanPageKeys) await flush();
    }
    await flush();
    return count;
  }

  /**
   * Pairs from `start` on, in order. Each page of a Region is read at one moment, not all of them at the same.
   * Time-outs are for each page.
   */
  scan(start: Uint8Array, options: RawScanOptions = {}): Scan<KvPair> {
    checkScan(start, options);
    return new Scan(() => this.#pages(start, options));
  }

  async *#pages(
    start: Uint8Array,
    options: RawScanOptions,
  ): AsyncGenerator<readonly KvPair[], void, undefined> {
    const { end = EMPTY_BYTES, limit = Number.POSITIVE_INFINITY, reverse = false } = options;
    const fetch = this.#fetchPage(options);
    const pageKeys = limits.clientScanPageKeys;
    const scan = new RangeScan(this.#router, { start, end }, reverse, fetch, pageKeys);
    let left = limit;
    while (left > 0) {
      const page = await this.#limits.read(options, (operation) => scan.next(left, operation));
      if (page === undefined) return;
      left -= page.pairs.length;
      yield page.pairs;
    }
  }

  async #get(
    key: Uint8Array,
    { cf = 'default' }: RawOptions,
    operation: Operation,
  ): Promise<Uint8Array | undefined> {
    checkKey(key);
    const response = await this.#router.send(
      key,
      rpc.rawGet,
      (context) => ({ context, cf, key }),
      operation,
    );
    checkError(response.error);
    return response.notFound ? undefined : copyBytes(response.value);
  }

  #fetchPage({ cf = 'default', reverse = false, keyOnly = false }: RawScanOptions): FetchPage {
    return async (region, { start, end }, limit, operation) => {
      const answerBytesMax = limits.clientScanPageBytes;
      const shape = { limit, reverse, keyOnly, answerBytesMax };
      const page = await this.#router.sendToRegion(
        region,
        scanPages.rawScan,
        (context) => ({ context, cf, startKey: start, endKey: end, ...shape }),
        operation,
      );
      if (page === undefined) return undefined;
      checkError(page.rest.error);
      return answeredPage(page, limit);
    };
  }

  #write(options: RawWriteOptions): Operation {
    return this.#limits.begin(options.retryUnknown ? 'decisive' : 'once', options);
  }
}

/** A write that was sent cannot be called back. */
function abandoned({ reason }: AbortSignalLike): UndeterminedError {
  return undetermined(new KvError('CANCELLED', 'the call was aborted', { cause: reason }));
}

function checkError(error: string): void {
  if (error !== '') throw new KvError('INVALID_ARGUMENT', error);
}
