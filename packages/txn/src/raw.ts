import {
  type Awaitable,
  type Clock,
  EMPTY_BYTES,
  type Env,
  equalBytes,
  err,
  type KvReader,
  keyString,
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
  type RegionView,
  type RequestContext,
  rawKey,
  rawRange,
  unsealValue,
} from '@tinykv/model';
import { AnswerBudget } from './mvcc/answer-budget.js';
import { asDataLoss } from './mvcc/key-view.js';
import type { TakePage } from './mvcc/scan.js';
import { RawTurns } from './raw-turns.js';
import {
  isKeyTooLong,
  keyTooLongMessage,
  locationRange,
  proposeModifies,
  readConfirmed,
  stopIfGone,
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

export interface RawSwapRequest {
  readonly cf: string;
  readonly key: Uint8Array;
  /** Empty: the key does not exist. */
  readonly expected: Uint8Array;
  /** Empty: the key is deleted. */
  readonly value: Uint8Array;
}

export interface RawSwap {
  /** False: the value was another, and nothing was written. */
  readonly swapped: boolean;
  /** The value that was compared; empty: the key did not exist. */
  readonly previous: Uint8Array;
}

/** In memory: a key, its name, and its place in a queue. */
const TURN_OVERHEAD_BYTES = 128;
const TOO_MANY = err({ type: 'server-is-busy', reason: 'too many commands' } as const);

/** The raw API: single keys without versions, in three column families that share nothing. */
export class RawExecutor {
  readonly #access: RegionAccess;
  readonly #clock: Clock;
  readonly #turns = new RawTurns(limits.latchCommandsMax, limits.latchWaitingBytesMax);

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
      const value = readConfirmed(view.value, (reader) => readRaw(reader, key, at));
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
    return this.#write(context, cfName, key, value);
  }

  delete(
    context: RequestContext,
    cfName: string,
    key: Uint8Array,
  ): Awaitable<Result<RawAnswer<void>, RegionError>> {
    return this.#write(context, cfName, key, EMPTY_BYTES);
  }

  /** A blind write has no facts that could change under it: only a compare-and-swap of its key holds it up. */
  #write(
    context: RequestContext,
    cfName: string,
    key: Uint8Array,
    value: Uint8Array,
  ): Awaitable<Result<RawAnswer<void>, RegionError>> {
    const cf = parseCf(cfName);
    if (cf === undefined) return unknownCf(cfName);
    if (isKeyTooLong(key)) return keyTooLong(key);
    const name = turnName(cf, key);
    const turn = this.#turns.enter(name, false, turnBytes(key, value.length));
    if (turn === undefined) return this.#propose(context, key, modifyOf(cf, key, value), name);
    if (turn === 'busy') return TOO_MANY;
    return turn.then(() => this.#propose(context, key, modifyOf(cf, key, value), name));
  }

  /** The turn ends with the outcome of the proposal, without a promise beside those of the proposal itself. */
  #propose(
    context: RequestContext,
    key: Uint8Array,
    modify: Modify,
    name: string,
  ): Awaitable<Result<RawAnswer<void>, RegionError>> {
    let outcome: Awaitable<Result<void, RegionError>>;
    try {
      stopIfGone(context);
      outcome = whenReady(this.#access.acquireWrite(context, [key]), (view) =>
        view.ok ? proposeModifies(this.#access, view.value, [modify]) : view,
      );
    } catch (error) {
      this.#turns.leave(name);
      throw error;
    }
    if (!(outcome instanceof Promise)) {
      this.#turns.leave(name);
      return written(outcome);
    }
    return outcome.then(
      (settled) => {
        this.#turns.leave(name);
        return written(settled);
      },
      (error: unknown) => {
        this.#turns.leave(name);
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
    { cf: cfName, key, expected, value }: RawSwapRequest,
  ): Promise<Result<RawAnswer<RawSwap>, RegionError>> {
    const cf = parseCf(cfName);
    if (cf === undefined) return unknownCf(cfName);
    if (isKeyTooLong(key)) return keyTooLong(key);
    const bytes = expected.length + value.length;
    return this.#alone(context, cf, key, bytes, async (view) => {
      const at = rawKey(this.#access.api, cf, key);
      const read = readConfirmed(view, (reader) => readRaw(reader, key, at) ?? EMPTY_BYTES);
      if (!read.ok) return read;
      const previous = read.value;
      const swapped = equalBytes(previous, expected);
      const writes = swapped && (previous.length > 0 || value.length > 0);
      const settled = writes
        ? await proposeModifies(this.#access, view, [modifyOf(cf, key, value)])
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

  /** The turn lasts until the outcome of the proposal is known or its term is over. */
  async #alone<T>(
    context: RequestContext,
    cf: RawCf,
    key: Uint8Array,
    valueBytes: number,
    run: (view: RegionView) => Promise<Result<T, RegionError>>,
  ): Promise<Result<T, RegionError>> {
    const name = turnName(cf, key);
    const turn = this.#turns.enter(name, true, turnBytes(key, valueBytes));
    if (turn === 'busy') return TOO_MANY;
    if (turn !== undefined) await turn;
    try {
      if (turn !== undefined) stopIfGone(context);
      const view = await this.#access.acquireWrite(context, [key]);
      return view.ok ? await run(view.value) : view;
    } finally {
      this.#turns.leave(name);
    }
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

function turnName(cf: RawCf, key: Uint8Array): string {
  return `${cf}/${keyString(key)}`;
}

/** In memory, while the command waits. */
function turnBytes(key: Uint8Array, valueBytes: number): number {
  return 2 * key.length + valueBytes + TURN_OVERHEAD_BYTES;
}

function modifyOf(cf: RawCf, key: Uint8Array, value: Uint8Array): Modify {
  return value.length === 0 ? { type: 'raw-delete', cf, key } : { type: 'raw-put', cf, key, value };
}

function readRaw(reader: KvReader, key: Uint8Array, at: Uint8Array): Uint8Array | undefined {
  const bytes = reader.get(at);
  return bytes && unsealRaw(key, at, bytes);
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
