import { type Env, KvError, limits } from '@tinykv/base';
import {
  type ApiMode,
  describeRegionError,
  locationKey,
  type Peer,
  rangeContains,
} from '@tinykv/model';
import {
  type errorpb,
  type Init,
  type kvrpcpb,
  regionErrorFromWire,
  tinykvpb,
  tinykvtxn,
  type UnaryMethod,
} from '@tinykv/proto';
import type { AbortSignalLike } from './abort.js';
import { Backoff } from './backoff.js';
import type { BatchStream } from './batch-stream.js';
import { FailureHandler, LOOKUP_TIMEOUT_MS, type NextStep } from './failure-handler.js';
import { ClientLife, type WorkScope } from './lifetime.js';
import {
  answerInTime,
  conclude,
  type Effect,
  exhausted,
  isPassing,
  isTooMuch,
  Operation,
} from './operation.js';
import { forEachParallel } from './parallel.js';
import type { CachedRegion, RegionCache } from './region-cache.js';
import { RegionOutages, SILENT_MS } from './region-outages.js';
import type { StoreStreams } from './store-streams.js';
import { activeTracer, requestAttributes, tracedRequest } from './tracing.js';

export interface RegionGroup<T> {
  readonly region: CachedRegion;
  readonly items: readonly T[];
}

/** Makes operations fail at once that need a part which is known to be away. Undefined: they wait for it. */
export interface FailFast {
  /** Why the scheduler is away; undefined while it is not. */
  readonly schedulerAway: () => KvError | undefined;
}

export interface RouterOptions {
  /** Default: none. */
  readonly failFast?: FailFast | undefined;
  /** Default: without an end. */
  readonly life?: ClientLife;
}

interface RegionResponse {
  regionError: errorpb.Error | undefined;
}

/** An attempt that was not served: what the store answered, or what went wrong. */
type FailedAttempt<S> = { readonly region: CachedRegion; readonly leader: Peer } & (
  | { readonly response: S }
  | { readonly error: unknown }
);

/** An attempt without reaction of its Region is given up after this long, when it may be repeated. */
const ATTEMPT_TIMEOUT_MS = 3_000;

/** Finds the leader of the Region of a key and talks to it until it answers or the time is up. */
export class Router {
  readonly api: ApiMode;
  readonly cache: RegionCache;
  readonly life: ClientLife;
  readonly #env: Env;
  readonly #stores: StoreStreams;
  readonly #failures: FailureHandler;
  readonly #failFast: FailFast | undefined;
  readonly #outages = new RegionOutages();

  constructor(
    env: Env,
    api: ApiMode,
    cache: RegionCache,
    stores: StoreStreams,
    { failFast, life = new ClientLife() }: RouterOptions = {},
  ) {
    this.#env = env;
    this.api = api;
    this.cache = cache;
    this.#stores = stores;
    this.life = life;
    this.#failFast = failFast;
    this.#failures = new FailureHandler(env, cache, stores, failFast?.schedulerAway);
  }

  /** A call of the client's user that ends within `timeoutMs`, or soon after the signal. Throws KvError CANCELLED. */
  beginCall(effect: Effect, timeoutMs: number, signal?: AbortSignalLike): Operation {
    const { calls } = this.life;
    calls.check();
    return this.#begin(effect, timeoutMs, calls, signal);
  }

  /** A part of a commit, or of what is done without anybody waiting for it, that ends within `timeoutMs`. */
  begin(effect: Effect, timeoutMs: number): Operation {
    return this.#begin(effect, timeoutMs, this.life.commits);
  }

  #begin(effect: Effect, timeoutMs: number, scope: WorkScope, signal?: AbortSignalLike): Operation {
    const deadline = this.#env.clock.mono() + timeoutMs;
    return new Operation(effect, new Backoff(this.#env, deadline, undefined, signal, scope));
  }

  /** Monotonic milliseconds. */
  now(): number {
    return this.#env.clock.mono();
  }

  /** As {@link answerInTime}. */
  within<T>(operation: Operation, answer: Promise<T>, mostMs?: number): Promise<T> {
    return answerInTime(this.#env.clock, operation, answer, mostMs);
  }

  /** The Region of a location key. Throws {@link RegionUnavailableError}. */
  async locate(location: Uint8Array, operation: Operation): Promise<CachedRegion> {
    for (;;) {
      const cached = this.cache.find(location);
      if (cached !== undefined) return cached;
      let cause: unknown;
      try {
        const loaded = await this.within(operation, this.cache.load(location), LOOKUP_TIMEOUT_MS);
        if (loaded !== undefined) return loaded;
        cause = new KvError('NOT_FOUND', 'the scheduler knows no region there');
      } catch (error) {
        if (operation.scope.isOver || !isPassing(error)) throw conclude(operation, error);
        cause = error;
      }
      const away = this.#failFast?.schedulerAway();
      if (away !== undefined) throw exhausted(operation, 0, away);
      if (!(await operation.backoff.pause('region-miss'))) throw exhausted(operation, 0, cause);
    }
  }

  /** Sorts things with keys by Region, in no particular order of the Regions. */
  async group<T>(
    items: readonly T[],
    keyOf: (item: T) => Uint8Array,
    operation: Operation,
  ): Promise<RegionGroup<T>[]> {
    const groups = new Map<CachedRegion, T[]>();
    let last: { readonly region: CachedRegion; readonly items: T[] } | undefined;
    for (const item of items) {
      const location = locationKey(this.api, keyOf(item));
      // Keys come sorted as a rule, so the Region is mostly the one before.
      if (last === undefined || !rangeContains(last.region.range, location)) {
        const region = await this.locate(location, operation);
        last = { region, items: groups.get(region) ?? [] };
        groups.set(region, last.items);
      }
      last.items.push(item);
    }
    return [...groups].map(([region, members]) => ({ region, items: members }));
  }

  /**
   * Sends a request about one user key. Throws {@link RegionUnavailableError} (certainly no effect),
   * {@link UndeterminedError}, {@link EntryTooLargeError}, or KvError as the store refused it.
   */
  send<Q, S extends RegionResponse>(
    key: Uint8Array,
    method: UnaryMethod<Q, S>,
    build: (context: kvrpcpb.ContextInit) => Init<Q>,
    operation: Operation,
  ): Promise<S> {
    const location = locationKey(this.api, key);
    const region = this.cache.find(location);
    if (region === undefined) return this.#sendByKey(location, method, build, operation);
    const { leader } = region;
    // As a rule the first attempt is the last: it costs no more than its answer.
    return this.#attempt(region, leader, method, build, operation).then(
      (response) =>
        response.regionError === undefined && !this.#outages.any
          ? response
          : this.#sendByKey(location, method, build, operation, { region, leader, response }),
      (error: unknown) =>
        this.#sendByKey(location, method, build, operation, { region, leader, error }),
    );
  }

  /** Goes on after a first attempt that failed, if there was one. */
  async #sendByKey<Q, S extends RegionResponse>(
    location: Uint8Array,
    method: UnaryMethod<Q, S>,
    build: (context: kvrpcpb.ContextInit) => Init<Q>,
    operation: Operation,
    first?: FailedAttempt<S>,
  ): Promise<S> {
    let failed = first;
    for (;;) {
      const region =
        failed?.region ?? this.cache.find(location) ?? (await this.locate(location, operation));
      const response = await this.#sendToRegion(region, method, build, operation, failed);
      if (response !== undefined) return response;
      failed = undefined;
    }
  }

  /** As {@link send}; undefined, after a pause if one is due: the keys must be located again. */
  sendToRegion<Q, S extends RegionResponse>(
    region: CachedRegion,
    method: UnaryMethod<Q, S>,
    build: (context: kvrpcpb.ContextInit) => Init<Q>,
    operation: Operation,
  ): Promise<S | undefined> {
    return this.#sendToRegion(region, method, build, operation, undefined);
  }

  async #sendToRegion<Q, S extends RegionResponse>(
    region: CachedRegion,
    method: UnaryMethod<Q, S>,
    build: (context: kvrpcpb.ContextInit) => Init<Q>,
    operation: Operation,
    first: FailedAttempt<S> | undefined,
  ): Promise<S | undefined> {
    const wasCurrent = first !== undefined || this.cache.isCurrent(region);
    for (let attempt = first; ; attempt = undefined) {
      const leader = attempt?.leader ?? region.leader;
      let step: NextStep;
      let cause: unknown;
      const sentMono = this.#env.clock.mono();
      try {
        if (attempt !== undefined && 'error' in attempt) throw attempt.error;
        const response =
          attempt?.response ?? (await this.#attempt(region, leader, method, build, operation));
        if (response.regionError === undefined) {
          if (this.#outages.any) this.#outages.served(region.id);
          return response;
        }
        const error = regionErrorFromWire(response.regionError);
        cause = new KvError('UNAVAILABLE', describeRegionError(error));
        step = await this.#failures.onRegionError(region, leader, error, operation);
      } catch (error) {
        if (operation.scope.isOver || !isPassing(error)) throw conclude(operation, error);
        // What is too much for one answer is the caller's to cut.
        if (isTooMuch(error) && sizedByCaller.has(method.path)) throw conclude(operation, error);
        cause = error;
        step = await this.#failures.onFailure(region, leader, error, operation);
      }
      this.#noteOutage(region, leader, step, sentMono, operation, cause);
      if (step.pause !== undefined && !(await operation.backoff.pause(step.pause))) {
        throw exhausted(operation, region.id, cause);
      }
      if (step.relocate || (wasCurrent && !this.cache.isCurrent(region))) return undefined;
    }
  }

  /** Throws when the Region is known to be away and nobody is to wait for it. */
  #noteOutage(
    region: CachedRegion,
    { storeId }: Peer,
    { pause }: NextStep,
    sentMono: number,
    operation: Operation,
    cause: unknown,
  ): void {
    if (this.#failFast === undefined) return;
    const answered = pause === 'no-leader';
    if (!answered && pause !== 'store-unreachable') return;
    const nowMono = this.#env.clock.mono();
    this.#outages.failed(region.id, storeId, { sentMono, nowMono, answered });
    if (!this.#outages.isAway(region, nowMono)) return;
    throw exhausted(operation, region.id, cause);
  }

  /**
   * Sends one request per Region and part of its items, in parallel, and again by smaller parts when
   * Regions turn out to have changed. `split` cuts the items of one Region into requests. Rejects with
   * the first failure, after all have ended.
   */
  async sendGrouped<T>(
    items: readonly T[],
    keyOf: (item: T) => Uint8Array,
    split: (items: readonly T[]) => readonly (readonly T[])[],
    send: (region: CachedRegion, items: readonly T[], part: Operation) => Promise<boolean>,
    operation: Operation,
  ): Promise<void> {
    const groups = await this.group(items, keyOf, operation);
    const parts = groups.flatMap(({ region, items: members }) =>
      split(members).map((part) => ({ region, part })),
    );
    await forEachParallel(parts, limits.clientParallelBatchesMax, async ({ region, part }) => {
      const forked = operation.fork();
      const done = await send(region, part, forked);
      if (!done) await this.sendGrouped(part, keyOf, split, send, forked);
    });
  }

  #attempt<Q, S>(
    region: CachedRegion,
    peer: Peer,
    method: UnaryMethod<Q, S>,
    build: (context: kvrpcpb.ContextInit) => Init<Q>,
    operation: Operation,
  ): Promise<S> {
    const stream = this.#stores.cached(peer.storeId);
    if (stream !== undefined) return this.#call(stream, region, peer, method, build, operation);
    const resolving = this.#stores.resolve(peer.storeId);
    return this.within(operation, resolving, LOOKUP_TIMEOUT_MS).then((resolved) =>
      this.#call(resolved, region, peer, method, build, operation),
    );
  }

  #call<Q, S>(
    stream: BatchStream,
    region: CachedRegion,
    peer: Peer,
    method: UnaryMethod<Q, S>,
    build: (context: kvrpcpb.ContextInit) => Init<Q>,
    { effect, backoff, scope }: Operation,
  ): Promise<S> {
    const context: kvrpcpb.ContextInit = {
      regionId: region.id,
      regionEpoch: region.region.epoch,
      peer,
      strict: true,
    };
    const remaining = Math.max(0, backoff.remainingMs());
    const usual = this.#failFast === undefined ? ATTEMPT_TIMEOUT_MS : SILENT_MS;
    const most = this.#outages.any
      ? this.#outages.patienceMs(region, this.#env.clock.mono(), usual)
      : usual;
    const timeout = effect === 'once' ? remaining : Math.min(remaining, most);
    const answer = stream.call(method, build(context), timeout, scope);
    const tracer = activeTracer();
    if (tracer === undefined) return answer;
    return tracedRequest(
      tracer,
      method.name,
      requestAttributes(method, region.id, stream.address),
      answer,
    );
  }
}

const sizedByCaller: ReadonlySet<string> = new Set([
  tinykvpb.TinyKv.kvScan.path,
  tinykvpb.TinyKv.rawScan.path,
  tinykvtxn.Txn.kvScanLock.path,
  tinykvtxn.Txn.kvBatchGet.path,
  tinykvtxn.Txn.kvGetVersions.path,
  tinykvtxn.Txn.kvOneKeyWrite.path,
]);
