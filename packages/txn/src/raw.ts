import {
  type Awaitable,
  type Clock,
  EMPTY_BYTES,
  type Env,
  type KvReader,
  limits,
  ok,
  type Result,
  whenReady,
} from '@tinykv/base';
import {
  type ApiMode,
  isRawCf,
  type KeyRange,
  type Modify,
  parseRawKey,
  type RawCf,
  type RegionAccess,
  type RegionError,
  type RequestContext,
  rawKey,
  rawRange,
  unsealValue,
} from '@tinykv/model';
import { AnswerBudget } from './mvcc/answer-budget.js';
import { asDataLoss } from './mvcc/key-view.js';
import type { TakePage } from './mvcc/scan.js';
import {
  isKeyTooLong,
  keyTooLongMessage,
  locationRange,
  proposeModifies,
  readConfirmed,
  turnOf,
  withSnapshot,
} from './region-read.js';

export interface RawPair {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** `error` is a text for the client: an unknown column family, a key that is too long. */
export type RawAnswer<T> =
  | { readonly type: 'ok'; readonly value: T }
  | { readonly type: 'error'; readonly message: string };

export interface RawScanRequest {
  readonly cf: string;
  readonly startKey: Uint8Array;
  /** Empty: no end. */
  readonly endKey: Uint8Array;
  readonly limit: number;
  readonly reverse: boolean;
  readonly keyOnly: boolean;
}

/** The raw API: single keys without versions, in three column families that share nothing. */
export class RawExecutor {
  readonly #access: RegionAccess;
  readonly #clock: Clock;

  constructor({ clock }: Pick<Env, 'clock'>, access: RegionAccess) {
    this.#clock = clock;
    this.#access = access;
  }

  /** Undefined: not found. */
  get(
    context: RequestContext,
    cfName: string,
    key: Uint8Array,
  ): Awaitable<Result<RawAnswer<Uint8Array | undefined>, RegionError>> {
    const cf = parseCf(cfName);
    if (cf === undefined) return unknownCf(cfName);
    if (isKeyTooLong(key)) return keyTooLong(key);
    return whenReady(this.#access.acquireRead(context, [key]), (view) => {
      if (!view.ok) return view;
      const at = rawKey(this.#access.api, cf, key);
      const value = readConfirmed(view.value, (reader) => {
        const bytes = reader.get(at);
        return bytes && unsealRaw(key, at, bytes);
      });
      return value.ok ? answer(value.value) : value;
    });
  }

  /** An empty value deletes, as it does in TinyKV. */
  put(
    context: RequestContext,
    cfName: string,
    key: Uint8Array,
    value: Uint8Array,
  ): Awaitable<Result<RawAnswer<void>, RegionError>> {
    if (value.length === 0) return this.delete(context, cfName, key);
    return this.#write(context, cfName, key, (cf) => ({ type: 'raw-put', cf, key, value }));
  }

  delete(
    context: RequestContext,
    cfName: string,
    key: Uint8Array,
  ): Awaitable<Result<RawAnswer<void>, RegionError>> {
    return this.#write(context, cfName, key, (cf) => ({ type: 'raw-delete', cf, key }));
  }

  /** A blind write has no facts that could change under it, so it takes no latch. */
  #write(
    context: RequestContext,
    cfName: string,
    key: Uint8Array,
    modify: (cf: RawCf) => Modify,
  ): Awaitable<Result<RawAnswer<void>, RegionError>> {
    const cf = parseCf(cfName);
    if (cf === undefined) return unknownCf(cfName);
    if (isKeyTooLong(key)) return keyTooLong(key);
    return whenReady(this.#access.acquireWrite(context, [key]), (view) =>
      view.ok ? whenReady(proposeModifies(this.#access, view.value, [modify(cf)]), written) : view,
    );
  }

  /** As {@link scanPages}, in one list. */
  async scan(
    context: RequestContext,
    request: RawScanRequest,
  ): Promise<Result<RawAnswer<readonly RawPair[]>, RegionError>> {
    const pairs: RawPair[] = [];
    const read = await this.scanPages(context, request, (page) => pairs.push(...page));
    if (!read.ok) return read;
    return read.value.type === 'error' ? ok(read.value) : answer(pairs);
  }

  /**
   * Gives exactly `limit` pairs to `take` while the Region has them. Throws AnswerTooLargeError when they do not
   * fit into one answer: what `take` was given is then no answer.
   */
  async scanPages(
    context: RequestContext,
    request: RawScanRequest,
    take: TakePage<RawPair>,
  ): Promise<Result<RawAnswer<void>, RegionError>> {
    const cf = parseCf(request.cf);
    if (cf === undefined) return unknownCf(request.cf);
    const view = await this.#access.acquireRead(context, request.reverse ? [] : [request.startKey]);
    if (!view.ok) return view;
    const { api } = this.#access;
    const range = locationRange(api, request.startKey, request.endKey, view.value.region.range);
    const read = await withSnapshot(view.value, async (snapshot) => {
      if (range === undefined) return;
      let sinceTurn = 0;
      for await (const page of rawPages(snapshot, api, rawRange(cf, range), request)) {
        take(page);
        sinceTurn += page.length;
        if (sinceTurn < limits.scanPageKeys) continue;
        await turnOf(this.#clock, context);
        sinceTurn = 0;
      }
    });
    return written(read);
  }
}

function answer<T>(value: T): Result<RawAnswer<T>, never> {
  return ok({ type: 'ok', value });
}

function written(proposed: Result<void, RegionError>): Result<RawAnswer<void>, RegionError> {
  return proposed.ok ? answer(undefined) : proposed;
}

function refuse(message: string): Result<RawAnswer<never>, never> {
  return ok({ type: 'error', message });
}

/** Requests may leave the field out. */
function parseCf(name: string): RawCf | undefined {
  if (name === '') return 'default';
  return isRawCf(name) ? name : undefined;
}

function unknownCf(name: string): Result<RawAnswer<never>, never> {
  return refuse(`column family ${JSON.stringify(name)} is unknown`);
}

function keyTooLong(key: Uint8Array): Result<RawAnswer<never>, never> {
  return refuse(keyTooLongMessage(key));
}

function unsealRaw(key: Uint8Array, at: Uint8Array, bytes: Uint8Array): Uint8Array {
  try {
    return unsealValue(at, bytes);
  } catch (error) {
    throw asDataLoss(error, 'raw value', key);
  }
}

async function* rawPages(
  snapshot: KvReader,
  api: ApiMode,
  range: KeyRange,
  { reverse, keyOnly, limit }: RawScanRequest,
): AsyncGenerator<readonly RawPair[], void, void> {
  const budget = new AnswerBudget();
  const iterator = snapshot.iterator({ ...range, reverse, keysOnly: keyOnly });
  try {
    for (let left = limit; left > 0; ) {
      const entries = await iterator.next(Math.min(left, limits.scanPageKeys));
      if (entries.length === 0) return;
      const page = entries.map(([at, bytes]): RawPair => {
        const key = rawUserKey(api, at);
        const value = keyOnly ? EMPTY_BYTES : unsealRaw(key, at, bytes);
        budget.spend(key, value.length);
        return { key, value };
      });
      left -= page.length;
      yield page;
    }
  } finally {
    await iterator.close();
  }
}

function rawUserKey(api: ApiMode, at: Uint8Array): Uint8Array {
  try {
    return parseRawKey(api, at);
  } catch (error) {
    throw asDataLoss(error, 'raw key', at);
  }
}
