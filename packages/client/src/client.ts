import type { Env, Timestamp } from '@tinykv/base';
import type { ApiMode } from '@tinykv/model';
import { Backoff } from './backoff.js';
import type { CallOptions } from './call-limits.js';
import { invalid } from './check-count.js';
import { SchedulerError } from './errors.js';
import { Inspector } from './inspector.js';
import { ClientLife } from './lifetime.js';
import { LockResolver } from './lock-resolver.js';
import { OneKey } from './one-key.js';
import { RawClient } from './raw.js';
import type { ReadSnapshot } from './read-snapshot.js';
import { RegionCache } from './region-cache.js';
import { Router } from './router.js';
import { SchedulerClient } from './scheduler-client.js';
import { StoreStreams } from './store-streams.js';
import { type Transactions, transactionsOf } from './transactions.js';
import { type RunOptions, type SnapshotOptions, TxnClient } from './txn-client.js';
import { TxnMetrics } from './txn-metrics.js';
import type { Codecs } from './typed/codec.js';
import { TypedClient } from './typed/typed-client.js';

export interface CloseOptions {
  /** Milliseconds for commits under way and what transactions leave to be done; default 5,000. */
  readonly timeoutMs?: number;
}

export interface ClientOptions {
  /** host:port of the scheduler's members. */
  readonly scheduler: string | readonly string[];
  /** How often what fails while connecting is tried again, with pauses up to 1 s; default 10. */
  readonly retries?: number;
  /** Whether transactions within one Region may be committed in one phase; default true. */
  readonly onePhaseCommit?: boolean;
  /** Whether small transactions over several Regions may be committed once they are prewritten; default true. */
  readonly asyncCommit?: boolean;
  /**
   * Calls that need a part of the cluster that is known to be away (it refuses, or does not answer for 2 s) fail at once
   * and name it, instead of waiting for as long as they may; default false.
   */
  readonly failFast?: boolean;
  /** Called when the client has been closed: for what was made for it alone. */
  readonly onClose?: () => Promise<void>;
}

/**
 * A store that commits in one phase may take the timestamp behind the last one that was given out. With
 * a gap before each that is used, a transaction begins after all that were committed before it began, and
 * is not refused for one that is as old as itself.
 */
const TIMESTAMP_GAP = 2;

const CLOSE_TIMEOUT_MS = 5_000;

/** A client of one cluster; cheap to share, expensive to make. */
export class Client {
  readonly raw: RawClient;
  /** Transactions: `await client.txn(async (t) => …)`, or by `begin`. */
  readonly txn: Transactions;
  readonly #oneKey: OneKey;
  /** What transactions have left on the stores. */
  readonly inspect: Inspector;
  readonly scheduler: SchedulerClient;
  readonly #life = new ClientLife();
  readonly #txns: TxnClient;
  readonly #stores: StoreStreams;
  readonly #onClose: () => Promise<void>;
  #closing: Promise<void> | undefined;

  private constructor(env: Env, scheduler: SchedulerClient, api: ApiMode, options: ClientOptions) {
    const { onePhaseCommit: onePhase = true, asyncCommit = true } = options;
    const { onClose = async () => {} } = options;
    const stores = new StoreStreams(env, scheduler);
    const cache = new RegionCache(scheduler, ({ peers }) => {
      stores.learn(peers.map(({ storeId }) => storeId));
    });
    const failFast = options.failFast ? { schedulerAway: () => scheduler.away } : undefined;
    const router = new Router(env, api, cache, stores, { failFast, life: this.#life });
    const timestamp = (): Promise<Timestamp> => scheduler.tso(TIMESTAMP_GAP);
    const resolver = new LockResolver(router, timestamp);
    this.raw = new RawClient(router);
    this.inspect = new Inspector(router, resolver);
    this.#txns = new TxnClient({
      env,
      router,
      resolver,
      timestamp,
      onePhase,
      asyncCommit,
      metrics: new TxnMetrics(env),
    });
    this.txn = transactionsOf(this.#txns);
    this.#oneKey = new OneKey(this.txn);
    this.scheduler = scheduler;
    this.#stores = stores;
    this.#onClose = onClose;
  }

  /**
   * Throws KvError UNAVAILABLE when no member of the scheduler answers, {@link SchedulerError} when the
   * cluster has no store yet.
   */
  static async connect(env: Env, options: ClientOptions): Promise<Client> {
    const { scheduler: members, retries = 10, failFast = false } = options;
    const endpoints = endpointsOf(members);
    const scheduler = await SchedulerClient.connect(env, endpoints, { retries, failFast });
    const backoff = new Backoff(env, Number.POSITIVE_INFINITY);
    for (let round = 0; ; round++) {
      try {
        return new Client(env, scheduler, await scheduler.clusterApi(), options);
      } catch (error) {
        if (!(error instanceof SchedulerError) || round >= retries) {
          scheduler.close();
          throw error;
        }
      }
      await backoff.pause('scheduler');
    }
  }

  /** The newest committed value of one key, as {@link Transactions.getNewest}. Undefined: the key does not exist. */
  get(key: Uint8Array, options?: CallOptions): Promise<Uint8Array | undefined> {
    return this.txn.getNewest(key, options);
  }

  /** As {@link OneKey.put}. */
  put(key: Uint8Array, value: Uint8Array, options?: RunOptions): Promise<Timestamp> {
    return this.#oneKey.put(key, value, options);
  }

  /** As {@link OneKey.delete}. */
  delete(key: Uint8Array, options?: RunOptions): Promise<Timestamp> {
    return this.#oneKey.delete(key, options);
  }

  /** As {@link OneKey.insert}. */
  insert(key: Uint8Array, value: Uint8Array, options?: RunOptions): Promise<Timestamp> {
    return this.#oneKey.insert(key, value, options);
  }

  /** As {@link OneKey.compareAndSet}. */
  compareAndSet(
    key: Uint8Array,
    expected: Uint8Array | undefined,
    value: Uint8Array | undefined,
    options?: RunOptions,
  ): Promise<boolean> {
    return this.#oneKey.compareAndSet(key, expected, value, options);
  }

  /** As {@link OneKey.incr}; `by`: default 1. */
  incr(key: Uint8Array, by = 1, options?: RunOptions): Promise<number> {
    return this.#oneKey.incr(key, by, options);
  }

  /**
   * What was committed at or before a timestamp, by default now, to be read only: down to the safe point. Throws
   * KvError when the scheduler gives no timestamp.
   */
  snapshot(ts?: Timestamp, options?: SnapshotOptions): Promise<ReadSnapshot> {
    return this.#txns.snapshot(ts, options);
  }

  /** The same client for keys and values of other types. */
  withCodecs<K, V>(codecs: Codecs<K, V>): TypedClient<K, V> {
    return new TypedClient(this, codecs);
  }

  /** For `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Fails all calls but commits at once, with KvError CANCELLED, and later calls likewise. Commits that have begun, and what
   * transactions leave to be done, go on until they end or the time-out has passed: then those that are certainly not
   * committed fail with CANCELLED, the others with {@link UndeterminedError}. Nothing of the client runs afterwards.
   */
  close({ timeoutMs = CLOSE_TIMEOUT_MS }: CloseOptions = {}): Promise<void> {
    this.#closing ??= this.#close(timeoutMs);
    return this.#closing;
  }

  async #close(timeoutMs: number): Promise<void> {
    const { calls, commits } = this.#life;
    calls.end();
    this.#stores.endScope(calls);
    await this.#txns.settle(timeoutMs);
    commits.end();
    this.#stores.close();
    this.scheduler.close();
    await this.#onClose();
  }
}

/** Throws KvError INVALID_ARGUMENT when there is none. */
function endpointsOf(members: unknown): readonly string[] {
  const all = typeof members === 'string' ? members.split(',') : members;
  if (Array.isArray(all) && all.length > 0 && all.every((one) => isAddress(one))) return all;
  throw invalid(`scheduler is to be host:port, or several of them, not ${JSON.stringify(members)}`);
}

function isAddress(value: unknown): boolean {
  return typeof value === 'string' && value.trim() !== '';
}
