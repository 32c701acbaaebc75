import {
  type Awaitable,
  type Clock,
  EMPTY_BYTES,
  type Env,
  equalBytes,
  err,
  ok,
  type Result,
  type Timestamp,
  whenReady,
} from '@tinykv/base';
import {
  type Modify,
  type RawCf,
  type RawRecord,
  type RegionAccess,
  type RegionError,
  type RegionView,
  type RequestContext,
  rawKey,
} from '@tinykv/model';
import { GrantedTime } from './granted-time.js';
import { PairList, type PairSink } from './mvcc/pair-sink.js';
import type { ScanEnd } from './mvcc/scan.js';
import { RawExpiry, TIME_UNKNOWN } from './raw-expiry.js';
import { RawKeys, readRaw, TOO_MANY, turnBytes, turnName } from './raw-keys.js';
import {
  answer,
  keyTooLong,
  parseCf,
  type RawAnswer,
  type RawPair,
  type RawScanRequest,
  type RawSwap,
  type RawSwapRequest,
  type RawTtl,
  unknownCf,
  written,
  wrongTtl,
} from './raw-requests.js';
import { scanRaw } from './raw-scan.js';
import {
  isKeyTooLong,
  locationRange,
  proposeModifies,
  readConfirmed,
  stopIfGone,
  turnOf,
  withSnapshot,
} from './region-read.js';

type Outcome<T> = Result<RawAnswer<T>, RegionError>;
type Living = Result<RawRecord | undefined, RegionError>;

/** The raw API: single keys without versions, in three column families that share nothing. */
export class RawExecutor {
  readonly expiry: RawExpiry;
  readonly #access: RegionAccess;
  readonly #clock: Clock;
  readonly #keys: RawKeys;

  /** Without a source of timestamps no key gets a time to live. */
  constructor(
    env: Pick<Env, 'clock' | 'logger'>,
    access: RegionAccess,
    timestamp?: () => Promise<Timestamp>,
  ) {
    this.#clock = env.clock;
    this.#access = access;
    this.#keys = new RawKeys(access);
    this.expiry = new RawExpiry(access, this.#keys, new GrantedTime(env, timestamp));
  }

  /** Undefined: not found. */
  get(
    context: RequestContext,
    cfName: string,
    key: Uint8Array,
  ): Awaitable<Outcome<Uint8Array | undefined>> {
    const cf = parseCf(cfName);
    if (cf === undefined) return unknownCf(cfName);
    if (isKeyTooLong(key)) return keyTooLong(key);
    return whenReady(this.#living(context, cf, key), valueAnswer);
  }

  /** How long the key has left, in milliseconds; `never`: it does not expire. Undefined: not found. */
  async ttl(
    context: RequestContext,
    cfName: string,
    key: Uint8Array,
  ): Promise<Outcome<number | 'never' | undefined>> {
    const cf = parseCf(cfName);
    if (cf === undefined) return unknownCf(cfName);
    if (isKeyTooLong(key)) return keyTooLong(key);
    const record = await this.#living(context, cf, key);
    if (!record.ok) return record;
    if (record.value === undefined) return answer(undefined);
    const { expiresAt } = record.value;
    if (expiresAt === undefined) return answer('never');
    const now = await this.expiry.now();
    // It was there when it was read: what has run out since is not told.
    return now === undefined ? TIME_UNKNOWN : answer(Math.max(1, expiresAt - now));
  }

  #living(context: RequestContext, cf: RawCf, key: Uint8Array): Awaitable<Living> {
    return whenReady(this.#access.acquireRead(context, [key]), (view): Awaitable<Living> => {
      if (!view.ok) return view;
      const at = rawKey(this.#access.api, cf, key);
      const read = readConfirmed(view.value, (reader) => readRaw(reader, key, at));
      const expiresAt = read.ok ? read.value?.expiresAt : undefined;
      if (expiresAt === undefined || this.expiry.hasPassed(expiresAt) === false) return read;
      return this.#judged(context, { cf, key, expiresAt, read });
    });
  }

  /** A key whose time has come is removed before anybody is told; then it may have been put anew. */
  async #judged(
    context: RequestContext,
    { cf, key, expiresAt, read }: RawKeyToJudge,
  ): Promise<Living> {
    const now = await this.expiry.now();
    if (now === undefined) return TIME_UNKNOWN;
    if (expiresAt > now) return read;
    const removed = await this.expiry.remove(context, [{ cf, key }]);
    return removed.ok ? this.#living(context, cf, key) : removed;
  }

  /** An empty value deletes, as it does in TinyKV. */
  put(
    context: RequestContext,
    cfName: string,
    key: Uint8Array,
    value: Uint8Array,
  ): Awaitable<Outcome<void>> {
    return this.#write(context, cfName, key, value, undefined);
  }

  /** As {@link put}; the key expires so many milliseconds after the store took the request. */
  async putWithTtl(
    context: RequestContext,
    cfName: string,
    key: Uint8Array,
    value: Uint8Array,
    ttlMs: number,
  ): Promise<Outcome<void>> {
    const wrong = wrongTtl(ttlMs);
    if (wrong !== undefined) return wrong;
    const expiresAt = await this.expiry.expiryIn(ttlMs);
    if (expiresAt === undefined) return TIME_UNKNOWN;
    stopIfGone(context);
    return this.#write(context, cfName, key, value, expiresAt);
  }

  delete(context: RequestContext, cfName: string, key: Uint8Array): Awaitable<Outcome<void>> {
    return this.#write(context, cfName, key, EMPTY_BYTES, undefined);
  }

  /** A blind write has no facts that could change under it: only a command that runs alone on its key holds it up. */
  #write(
    context: RequestContext,
    cfName: string,
    key: Uint8Array,
    value: Uint8Array,
    expiresAt: number | undefined,
  ): Awaitable<Outcome<void>> {
    const cf = parseCf(cfName);
    if (cf === undefined) return unknownCf(cfName);
    if (isKeyTooLong(key)) return keyTooLong(key);
    const name = turnName(cf, key);
    const modify = modifyOf(cf, key, value, expiresAt);
    const turn = this.#keys.turns.enter(name, false, turnBytes(key, value.length));
    if (turn === undefined) return this.#propose(context, modify, name);
    if (turn === 'busy') return TOO_MANY;
    return turn.then(() => this.#propose(context, modify, name));
  }

  /** The turn ends with the outcome of the proposal, without a promise beside those of the proposal itself. */
  #propose(context: RequestContext, modify: Modify, name: string): Awaitable<Outcome<void>> {
    const { turns } = this.#keys;
    let outcome: Awaitable<Result<void, RegionError>>;
    try {
      stopIfGone(context);
      outcome = whenReady(this.#access.acquireWrite(context, [modify.key]), (view) =>
        view.ok ? proposeModifies(this.#access, view.value, [modify]) : view,
      );
    } catch (error) {
      turns.leave(name);
      throw error;
    }
    if (!(outcome instanceof Promise)) {
      turns.leave(name);
      return written(outcome);
    }
    return outcome.then(
      (settled) => {
        turns.leave(name);
        return written(settled);
      },
      (error: unknown) => {
        turns.leave(name);
        throw error;
      },
    );
  }

  /**
   * Writes the value if the present one is as expected, in one step. Rejects with KvError UNKNOWN when nobody knows whether
   * it was written.
   */
  async compareAndSwap(
    context: RequestContext,
    request: RawSwapRequest,
  ): Promise<Outcome<RawSwap>> {
    const { cf: cfName, key, expected, value, ttl } = request;
    const cf = parseCf(cfName);
    if (cf === undefined) return unknownCf(cfName);
    if (isKeyTooLong(key)) return keyTooLong(key);
    let expiresAt: RawTtl | 'keep' = ttl;
    if (typeof ttl === 'number') {
      const wrong = wrongTtl(ttl);
      if (wrong !== undefined) return wrong;
      expiresAt = await this.expiry.expiryIn(ttl);
      if (expiresAt === undefined) return TIME_UNKNOWN;
    }
    const bytes = expected.length + value.length;
    return this.#keys.alone(context, cf, key, bytes, async (view) => {
      const at = rawKey(this.#access.api, cf, key);
      const read = readConfirmed(view, (reader) => readRaw(reader, key, at));
      if (!read.ok) return read;
      const record = read.value;
      const now = record?.expiresAt === undefined ? undefined : await this.expiry.now();
      if (record?.expiresAt !== undefined && now === undefined) return TIME_UNKNOWN;
      const isExpired = now !== undefined && record!.expiresAt! <= now;
      const previous = isExpired ? EMPTY_BYTES : (record?.value ?? EMPTY_BYTES);
      const swapped = equalBytes(previous, expected);
      const modify = swapModify({ cf, key, value, expiresAt }, { record, isExpired, swapped });
      const settled = modify
        ? await proposeModifies(this.#access, view, [modify])
        : await this.#prove(context, key, view);
      return settled.ok ? answer({ swapped, previous }) : settled;
    });
  }

  /** Nothing goes through the log: still leading in the same term proves that what was read was current. */
  async #prove(
    context: RequestContext,
    key: Uint8Array,
    { term }: RegionView,
  ): Promise<Result<void, RegionError>> {
    const later = await this.#access.acquireRead(context, [key]);
    if (!later.ok) return later;
    return later.value.term === term ? ok(undefined) : err({ type: 'stale-command' });
  }

  /** As {@link scanInto}, in one list. */
  async scan(
    context: RequestContext,
    request: RawScanRequest,
  ): Promise<Outcome<readonly RawPair[]>> {
    const list = new PairList();
    const read = await this.scanInto(context, request, list);
    if (!read.ok) return read;
    if (read.value.type === 'error') return ok(read.value);
    return answer(list.pairs.flatMap((pair) => (pair.type === 'value' ? [pair] : [])));
  }

  /**
   * Gives exactly `limit` pairs to `sink` while the Region has them, or as many as the bytes that were asked for hold. Throws
   * AnswerTooLargeError when they do not fit into one answer: what `sink` was given is then no answer, nor is it
   * when the outcome is an error.
   */
  async scanInto(
    context: RequestContext,
    request: RawScanRequest,
    sink: PairSink,
  ): Promise<Outcome<ScanEnd>> {
    const cf = parseCf(request.cf);
    if (cf === undefined) return unknownCf(request.cf);
    const view = await this.#access.acquireRead(context, request.reverse ? [] : [request.startKey]);
    if (!view.ok) return view;
    const { api } = this.#access;
    const range = locationRange(api, request.startKey, request.endKey, view.value.region.range);
    if (range === undefined) return answer('done');
    const stretch = {
      api,
      cf,
      range,
      now: () => this.expiry.now(),
      remove: (keys: readonly Uint8Array[]) => {
        const names = keys.map((key) => ({ cf, key }));
        return this.expiry.remove(context, names);
      },
      turn: () => turnOf(this.#clock, context),
    };
    const read = await withSnapshot(view.value, (snapshot) =>
      scanRaw(snapshot, stretch, request, sink),
    );
    if (!read.ok) return read;
    return read.value.ok ? answer(read.value.value) : read.value;
  }
}

interface RawKeyToJudge {
  readonly cf: RawCf;
  readonly key: Uint8Array;
  readonly expiresAt: number;
  readonly read: Living;
}

function valueAnswer(record: Living): Outcome<Uint8Array | undefined> {
  return record.ok ? answer(record.value?.value) : record;
}

function modifyOf(
  cf: RawCf,
  key: Uint8Array,
  value: Uint8Array,
  expiresAt: number | undefined,
): Modify {
  if (value.length === 0) return { type: 'raw-delete', cf, key };
  if (expiresAt === undefined) return { type: 'raw-put', cf, key, value };
  return { type: 'raw-put-expiring', cf, key, value, expiresAt };
}

interface SwapFacts {
  readonly record: RawRecord | undefined;
  readonly isExpired: boolean;
  readonly swapped: boolean;
}

/** Undefined: nothing changes. That the key has expired is told by the answer, so it has to be so for good. */
function swapModify(
  { cf, key, value, expiresAt }: SwapWrite,
  { record, isExpired, swapped }: SwapFacts,
): Modify | undefined {
  if (swapped && value.length > 0) {
    const kept = isExpired ? undefined : record?.expiresAt;
    return modifyOf(cf, key, value, expiresAt === 'keep' ? kept : expiresAt);
  }
  if (record === undefined || !(swapped || isExpired)) return undefined;
  if (record.expiresAt === undefined) return { type: 'raw-delete', cf, key };
  return { type: 'raw-expire', cf, key, dropValue: true };
}

interface SwapWrite {
  readonly cf: RawCf;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly expiresAt: number | undefined | 'keep';
}
