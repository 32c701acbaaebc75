import { type Counter, type Env, errorMessage, KvError, limits, type RegionId } from '@tinykv/base';
import {
  type ApiMode,
  describeRegionError,
  locationKey,
  type Peer,
  type RegionError,
  rangeContains,
} from '@tinykv/model';
import {
  type errorpb,
  type Init,
  type kvrpcpb,
  regionErrorFromWire,
  tinykvpb,
  type UnaryMethod,
} from '@tinykv/proto';
import { Backoff, type BackoffKind } from './backoff.js';
import {
  EntryTooLargeError,
  RegionUnavailableError,
  RequestError,
  SchedulerError,
  UndeterminedError,
} from './errors.js';
import { inTime } from './in-time.js';
import { forEachParallel } from './parallel.js';
import type { CachedRegion, RegionCache } from './region-cache.js';
import type { StoreStreams } from './store-streams.js';

/**
 * What sending a request again would do.
 * - `repeatable`: nothing, and nobody draws conclusions from its outcome alone (reads, prewrites).
 * - `decisive`: nothing, but its outcome matters: not knowing it is {@link UndeterminedError} (commits).
 * - `once`: it could undo what another client did since, so it is never sent again once it may have
 *   been carried out.
 */
export type Effect = 'repeatable' | 'decisive' | 'once';

/** One operation over all its attempts. */
export class Operation {
  readonly effect: Effect;
  readonly backoff: Backoff;
  /** An attempt was sent and its outcome is not known. */
  maybeApplied = false;

  constructor(effect: Effect, backoff: Backoff) {
    this.effect = effect;
    this.backoff = backoff;
  }

  /** For a part of its keys. */
  fork(): Operation {
    const part = new Operation(this.effect, this.backoff.fork());
    part.maybeApplied = this.maybeApplied;
    return part;
  }
}

export interface RegionGroup<T> {
  readonly region: CachedRegion;
  readonly items: readonly T[];
}

interface RegionResponse {
  regionError: errorpb.Error | undefined;
}

/** How to go on after an attempt that failed. */
interface NextStep {
  /** The Region is not what it was taken for: find out again which one holds the keys. */
  readonly relocate: boolean;
  /** Undefined: at once, because something was learned that rules out an endless loop. */
  readonly pause: BackoffKind | undefined;
}

/** An attempt without reaction of its Region is given up after this long, when it may be repeated. */
const ATTEMPT_TIMEOUT_MS = 3_000;

/** How long an attempt waits for the scheduler to say where to go. */
const LOOKUP_TIMEOUT_MS = 1_000;

/** Finds the leader of the Region of a key and talks to it until it answers or the time is up. */
export class Router {
  readonly api: ApiMode;
  readonly cache: RegionCache;
  readonly #env: Env;
  readonly #stores: StoreStreams;
  readonly #errors = new Map<string, Counter>();

  constructor(env: Env, api: ApiMode, cache: RegionCache, stores: StoreStreams) {
    this.#env = env;
    this.api = api;
    this.cache = cache;
    this.#stores = stores;
  }

  /** An operation that ends within `timeoutMs`. */
  begin(effect: Effect, timeoutMs: number): Operation {
    return new Operation(effect, new Backoff(this.#env, this.#env.clock.mono() + timeoutMs));
  }

  /**
   * Waits for the scheduler to answer, which may be down: no longer than the operation has time, nor than
   * `mostMs`, after which it has other ways to go on. Throws KvError DEADLINE_EXCEEDED.
   */
  within<T>(
    { backoff }: Operation,
    answer: Promise<T>,
    mostMs: number = Number.POSITIVE_INFINITY,
  ): Promise<T> {
    const ms = Math.min(mostMs, Math.max(0, backoff.remainingMs()));
    return inTime(this.#env.clock, answer, ms, 'the scheduler');
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
        if (!isPassing(error)) throw conclude(operation, error);
        cause = error;
      }
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
  async send<Q, S extends RegionResponse>(
    key: Uint8Array,
    method: UnaryMethod<Q, S>,
    build: (context: kvrpcpb.ContextInit) => Init<Q>,
    operation: Operation,
  ): Promise<S> {
    const location = locationKey(this.api, key);
    for (;;) {
      const region = this.cache.find(location) ?? (await this.locate(location, operation));
      const response = await this.sendToRegion(region, method, build, operation);
      if (response !== undefined) return response;
    }
  }

  /** As {@link send}; undefined, after a pause if one is due: the keys must be located again. */
  async sendToRegion<Q, S extends RegionResponse>(
    region: CachedRegion,
    method: UnaryMethod<Q, S>,
    build: (context: kvrpcpb.ContextInit) => Init<Q>,
    operation: Operation,
  ): Promise<S | undefined> {
    const wasCurrent = this.cache.isCurrent(region);
    for (;;) {
      const { leader } = region;
      let step: NextStep;
      let cause: unknown;
      try {
        const response = await this.#attempt(region, leader, method, build, operation);
        if (response.regionError === undefined) return response;
        const error = regionErrorFromWire(response.regionError);
        cause = new KvError('UNAVAILABLE', describeRegionError(error));
        step = await this.#onRegionError(region, leader, error, operation);
      } catch (error) {
        if (!isPassing(error)) throw conclude(operation, error);
        // A scan that is too much for one answer is the caller's to cut.
        if (isTooMuch(error) && sizedByCaller.has(method.path)) throw conclude(operation, error);
        cause = error;
        step = await this.#onFailure(region, leader, error, operation);
      }
      if (step.pause !== undefined && !(await operation.backoff.pause(step.pause))) {
        throw exhausted(operation, region.id, cause);
      }
      if (step.relocate || (wasCurrent && !this.cache.isCurrent(region))) return undefined;
    }
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
    await forEachParallel(parts, limits.clientParallelRequestsMax, async ({ region, part }) => {
      const forked = operation.fork();
      const done = await send(region, part, forked);
      if (!done) await this.sendGrouped(part, keyOf, split, send, forked);
    });
  }

  async #attempt<Q, S>(
    region: CachedRegion,
    peer: Peer,
    method: UnaryMethod<Q, S>,
    build: (context: kvrpcpb.ContextInit) => Init<Q>,
    operation: Operation,
  ): Promise<S> {
    const { effect, backoff } = operation;
    const { storeId } = peer;
    const stream =
      this.#stores.cached(storeId) ??
      (await this.within(operation, this.#stores.resolve(storeId), LOOKUP_TIMEOUT_MS));
    const context: kvrpcpb.ContextInit = {
      regionId: region.id,
      regionEpoch: region.region.epoch,
      peer,
      strict: true,
    };
    const remaining = Math.max(0, backoff.remainingMs());
    const timeout = effect === 'once' ? remaining : Math.min(remaining, ATTEMPT_TIMEOUT_MS);
    return stream.call(method, build(context), timeout);
  }

  /** The request did not reach the Region, or its answer did not reach us. */
  async #onFailure(
    region: CachedRegion,
    peer: Peer,
    error: KvError,
    operation: Operation,
  ): Promise<NextStep> {
    if (error instanceof RequestError) {
      if (error.outcome === 'unknown') {
        operation.maybeApplied = true;
        if (operation.effect === 'once') throw undetermined(error);
      }
      if (isTooMuch(error)) return { relocate: false, pause: 'server-busy' };
      this.#stores.suspect(peer.storeId);
    } else if (error.code === 'NOT_FOUND' || error.code === 'UNKNOWN') {
      // The scheduler does not know the store any more, so the Region has other peers by now.
      this.cache.invalidate(region);
      return { relocate: true, pause: 'region-miss' };
    }
    return this.#tryNext(region, peer, 'store-unreachable', operation);
  }

  async #tryNext(
    region: CachedRegion,
    failed: Peer,
    pause: BackoffKind,
    operation: Operation,
  ): Promise<NextStep> {
    if (!region.tryNext(failed)) await this.#refresh(region, operation);
    return { relocate: !this.cache.isCurrent(region), pause };
  }

  /** All peers were tried in vain: the Region may have others by now. A scheduler that is down changes nothing. */
  async #refresh(region: CachedRegion, operation: Operation): Promise<void> {
    try {
      await this.within(operation, this.cache.load(region.range.start), LOOKUP_TIMEOUT_MS);
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
  }

  async #onRegionError(
    region: CachedRegion,
    peer: Peer,
    error: RegionError,
    operation: Operation,
  ): Promise<NextStep> {
    this.#count(error);
    switch (error.type) {
      case 'not-leader':
        if (error.leader === undefined) {
          return this.#tryNext(region, peer, 'no-leader', operation);
        }
        if (region.followHint(peer, error.leader)) {
          return { relocate: false, pause: 'update-leader' };
        }
        this.cache.invalidate(region);
        return { relocate: true, pause: 'region-miss' };
      case 'epoch-not-match':
        if (error.currentRegions.length === 0) {
          this.cache.invalidate(region);
          return { relocate: true, pause: 'region-miss' };
        }
        if (this.cache.update(error.currentRegions, peer.storeId)) {
          return { relocate: true, pause: undefined };
        }
        // Either another request has learned it already, or the store is behind what another one said and
        // its peers may know more.
        region.tryNext(peer);
        return { relocate: !this.cache.isCurrent(region), pause: 'region-miss' };
      case 'store-not-match':
        this.#stores.suspect(peer.storeId);
        return { relocate: false, pause: 'store-not-match' };
      case 'stale-command':
        return { relocate: false, pause: 'stale-command' };
      case 'server-is-busy':
        return { relocate: false, pause: 'server-busy' };
      case 'raft-entry-too-large':
        throw new EntryTooLargeError(error.entryBytes);
      case 'region-not-found':
      case 'key-not-in-region':
      case 'other':
        this.cache.invalidate(region);
        return { relocate: true, pause: 'region-miss' };
    }
  }

  #count({ type }: RegionError): void {
    let counter = this.#errors.get(type);
    if (counter === undefined) {
      const help = 'Region errors that stores answered';
      counter = this.#env.metrics.counter('tinykv_client_region_errors_total', help, { type });
      this.#errors.set(type, counter);
    }
    counter.add();
  }
}

const sizedByCaller: ReadonlySet<string> = new Set([
  tinykvpb.TinyKv.kvScan.path,
  tinykvpb.TinyKv.rawScan.path,
]);

function isTooMuch(error: unknown): error is RequestError {
  return error instanceof RequestError && error.code === 'RESOURCE_EXHAUSTED';
}

/** True for a failure to reach someone, or a scheduler that is not ready; false for a "no". */
function isPassing(error: unknown): error is KvError {
  if (error instanceof RequestError) return error.outcome !== 'refused' || isTooMuch(error);
  if (!(error instanceof KvError)) return false;
  if (error instanceof SchedulerError) return true;
  return ['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'UNKNOWN'].includes(error.code);
}

/** What to throw for an operation that ends with `error`, in view of its earlier attempts. */
function conclude({ effect, maybeApplied }: Operation, error: unknown): unknown {
  return effect !== 'repeatable' && maybeApplied ? undetermined(error) : error;
}

function exhausted(operation: Operation, regionId: RegionId, cause: unknown): unknown {
  const where = regionId === 0 ? 'no region' : `region ${regionId} did not serve the request`;
  const text = `${where} before the deadline: ${errorMessage(cause)}`;
  return conclude(operation, new RegionUnavailableError(regionId, text, { cause }));
}

function undetermined(cause: unknown): UndeterminedError {
  return new UndeterminedError(
    `the write may or may not have been carried out: ${errorMessage(cause)}`,
    { cause },
  );
}
