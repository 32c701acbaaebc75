import { EMPTY_BYTES, type Timestamp } from '@tinykv/base';
import { GroupWalk } from '@tinykv/model';
import type { CallLimits, CallOptions } from './call-limits.js';
import { checkKey, checkScan } from './check-arguments.js';
import { headOf, type KvPair, type ScanOptions, type ScanPage } from './range-scan.js';
import { Scan } from './scan.js';
import { ScanAhead } from './scan-ahead.js';
import { Snapshot } from './snapshot.js';
import type { TxnContext } from './txn-context.js';
import type { TxnProgress } from './txn-progress.js';
import { seenOf, type TxnView } from './txn-view.js';

/** The reads of a transaction: its snapshot, and what it sees in the snapshot's place. */
export class TxnReads {
  readonly #context: TxnContext;
  readonly #limits: CallLimits;
  readonly #progress: TxnProgress;
  readonly #view: TxnView;
  #snapshot: Snapshot;

  constructor(
    context: TxnContext,
    limits: CallLimits,
    progress: TxnProgress,
    view: TxnView,
    ts: Timestamp,
  ) {
    this.#context = context;
    this.#limits = limits;
    this.#progress = progress;
    this.#view = view;
    this.#snapshot = new Snapshot(context.router, context.resolver, ts);
  }

  get ts(): Timestamp {
    return this.#snapshot.ts;
  }

  /** Before anything is read. */
  moveTo(ts: Timestamp): void {
    this.#snapshot = new Snapshot(this.#context.router, this.#context.resolver, ts);
  }

  /** As {@link Txn.get}. */
  async get(key: Uint8Array, options: CallOptions | undefined): Promise<Uint8Array | undefined> {
    this.#progress.checkOpen();
    checkKey(key);
    const own = this.#view.get(key);
    if (own !== undefined) return own.kind === 'put' ? own.value : undefined;
    try {
      return await this.#limits.read(options, (operation) => this.#snapshot.get(key, operation));
    } catch (error) {
      throw this.#progress.failed(error);
    }
  }

  /** As {@link Txn.batchGet}. */
  async batchGet(
    keys: readonly Uint8Array[],
    options: CallOptions | undefined,
  ): Promise<(Uint8Array | undefined)[]> {
    this.#progress.checkOpen();
    for (const key of keys) checkKey(key);
    const own = keys.map((key) => this.#view.get(key));
    const missing = keys.filter((_, i) => own[i] === undefined);
    let read: (Uint8Array | undefined)[];
    try {
      read = await this.#limits.read(options, (operation) =>
        this.#snapshot.batchGet(missing, operation),
      );
    } catch (error) {
      throw this.#progress.failed(error);
    }
    const stored = read.values();
    return own.map((write) => {
      if (write === undefined) return stored.next().value;
      return write.kind === 'put' ? write.value : undefined;
    });
  }

  /** As {@link Txn.scan}. */
  scan(start: Uint8Array, options: ScanOptions & CallOptions): Scan<KvPair> {
    checkScan(start, options);
    return new Scan(() => this.#pages(start, options));
  }

  /** Each page is looked at while it is taken: what is written or locked meanwhile counts. */
  async *#pages(
    start: Uint8Array,
    options: ScanOptions & CallOptions,
  ): AsyncGenerator<Iterable<KvPair>, void, undefined> {
    const { end = EMPTY_BYTES, limit = Number.POSITIVE_INFINITY } = options;
    const { reverse = false, keyOnly = false, valueBytesMax = 0, groups } = options;
    const range = this.#snapshot.scan({ start, end }, { reverse, keyOnly, valueBytesMax, groups });
    const walk = groups && new GroupWalk(groups);
    const scan = new ScanAhead(range, () => this.#limits.begin('repeatable', options));
    const view = this.#view;
    let left = limit;
    function* seen(page: ScanPage): Generator<KvPair, void, undefined> {
      for (const pair of seenOf(page, view, reverse)) {
        // Own writes lie between the others, and a store of an older version gives all keys.
        if (walk !== undefined && !walk.takes(pair.key)) continue;
        if (left-- <= 0) return;
        yield keyOnly ? { key: pair.key, value: EMPTY_BYTES } : headOf(pair, valueBytesMax);
      }
    }
    try {
      while (left > 0) {
        this.#progress.checkOpen();
        const most = left;
        const page = await this.#limits
          .read(options, (operation) => scan.next(most, operation))
          .catch((error: unknown) => {
            throw this.#progress.failed(error);
          });
        if (page === undefined) return;
        yield seen(page);
      }
    } finally {
      scan.close();
    }
  }
}
