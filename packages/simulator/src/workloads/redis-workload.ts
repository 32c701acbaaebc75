import type { Rng } from '@tinykv/base';
import type { CounterHistory } from '../checkers/counter.js';
import type { Interval } from '../checkers/history.js';
import type { StringOp } from '../checkers/models.js';
import type { PairRead } from '../checkers/pairs.js';
import type { Pipeline } from '../checkers/pipelines.js';
import { FINAL_CLIENT, untilRead } from './final-read.js';
import { type KeySlot, KeySlots } from './key-slots.js';
import { RedisLifetimes } from './redis-lifetimes.js';
import { RedisOwnStrings } from './redis-own-strings.js';
import { RedisScans } from './redis-scans.js';
import { effectOf, type RedisResult, RedisSession } from './redis-session.js';
import { RedisSkew } from './redis-skew.js';
import { RedisToggles } from './redis-toggles.js';
import { RedisTtl } from './redis-ttl.js';
import { RespError } from './resp-socket.js';
import { loop, type WorkloadContext } from './workload.js';

const OPS_PER_KEY_MAX = 300;
/** Databases beside 0, which are flushed and have one key each. */
const FLUSHED_DATABASES = 15;
/** Of them in use at a time. */
const FLUSHED_AT_A_TIME = 2;
const COUNTS_AT_ONCE_MAX = 6;
/** Reads of a pair while it is written. */
const READS_BESIDE_MAX = 4;

/** Redis commands as bytes through the gateways: strings, counters, and keys that change together. */
export class RedisWorkload {
  /** Single-key commands, by key. */
  readonly histories: Map<string, StringOp[]> = new Map();
  readonly counters: Map<string, CounterHistory> = new Map();
  readonly pairReads: PairRead[] = [];
  readonly pipelines: Pipeline[] = [];
  readonly scans: RedisScans;
  readonly ttl: RedisTtl;
  readonly lifetimes: RedisLifetimes;
  readonly ownStrings: RedisOwnStrings;
  readonly skew: RedisSkew;
  readonly toggles: RedisToggles;
  readonly #context: WorkloadContext;
  readonly #slots: KeySlots;
  readonly #flushed = new KeySlots(FLUSHED_AT_A_TIME, OPS_PER_KEY_MAX);
  #values = 0;

  constructor(context: WorkloadContext, keys: number) {
    this.#context = context;
    this.#slots = new KeySlots(keys, OPS_PER_KEY_MAX, context.skew);
    this.scans = new RedisScans(context);
    this.ttl = new RedisTtl(context);
    this.lifetimes = new RedisLifetimes(context);
    this.ownStrings = new RedisOwnStrings(context);
    this.skew = new RedisSkew(context);
    this.toggles = new RedisToggles(context);
  }

  run(): Promise<unknown> {
    const { cluster, rng } = this.#context;
    return Promise.all(
      cluster.clients.map((node, i) => {
        const own = rng.fork(`redis-${i}`);
        const session = new RedisSession(this.#context, node, own.fork('session'));
        const beside = new RedisSession(this.#context, node, own.fork('second session'));
        return loop(this.#context, node, own, async (client, rngOfStep) => {
          const draw = rngOfStep.float();
          if (draw < 0.33) await this.#string(session, rngOfStep, i);
          else if (draw < 0.37) await this.toggles.step(session, rngOfStep, i);
          else if (draw < 0.53) await this.#count(session, rngOfStep, i);
          else if (draw < 0.66) await this.#pair(session, beside, rngOfStep);
          else if (draw < 0.7) await this.skew.step(session, beside, rngOfStep, i);
          else if (draw < 0.73) await this.scans.step(session, rngOfStep, i);
          else if (draw < 0.76) await this.ttl.step(session, rngOfStep, i);
          else if (draw < 0.83) await this.lifetimes.step(session, client, rngOfStep, i);
          else if (draw < 0.91) await this.ownStrings.step(session, rngOfStep, i);
          else await this.#flushable(session, beside, rngOfStep, i);
        });
      }),
    );
  }

  /** Reads every key that was ever written through one gateway, when all is healed; what the counters hold. */
  async finalReads(session: RedisSession): Promise<Map<string, number>> {
    const counters = new Map<string, number>();
    for (const key of this.counters.keys()) {
      const call = this.#context.tick();
      const [reply] = await this.#finalRead(session, ['GET', key]);
      const value = Number(reply ?? 0);
      this.#counter(key).reads.push({
        client: FINAL_CLIENT,
        call,
        ret: this.#context.tick(),
        value,
      });
      counters.set(key, value);
    }
    for (const [name, history] of this.histories) {
      const [key, db] = placeOf(name);
      const call = this.#context.tick();
      const [, reply] = await this.#finalRead(session, ['SELECT', `${db}`], ['GET', key]);
      const ret = this.#context.tick();
      history.push({ client: FINAL_CLIENT, call, ret, kind: 'get', output: outputOf(reply!) });
    }
    for (const pair of [0, 1]) {
      const call = this.#context.tick();
      const [, reply] = await this.#finalRead(session, ['SELECT', '0'], ['MGET', ...pairOf(pair)]);
      const [left, right] = reply as readonly (string | null)[];
      this.pairReads.push({ call, values: [left ?? null, right ?? null] });
    }
    return counters;
  }

  #finalRead(session: RedisSession, ...requests: string[][]): Promise<readonly RedisResult[]> {
    return untilRead(this.#context, async () => {
      const replies = await session.send(...requests);
      return replies?.every((reply) => effectOf(reply) === 'done') ? replies : undefined;
    });
  }

  async #string(session: RedisSession, rng: Rng, id: number): Promise<void> {
    const slot = this.#slots.pick(rng);
    const { at } = slot;
    const key = `${String.fromCharCode(97 + ((at * 3) % 26))}:${at}:${slot.generation}`;
    const value = `w${++this.#values}`;
    const drawn = draw(rng, key, value);
    const call = this.#context.tick();
    const reply = (await session.send(drawn[1]))?.[0];
    this.#record(slot, key, { client: id, call, value }, drawn[0], reply);
  }

  /** The only key of a database, which is flushed now and then, over two connections at once too. */
  async #flushable(
    session: RedisSession,
    beside: RedisSession,
    rng: Rng,
    id: number,
  ): Promise<void> {
    const slot = this.#flushed.pick(rng);
    const db = 1 + slot.at + FLUSHED_AT_A_TIME * slot.generation;
    if (db > FLUSHED_DATABASES) return;
    const choice = rng.float();
    const value = `f${++this.#values}`;
    const [kind, argv]: Drawn =
      choice < 0.08
        ? ['flush', ['FLUSHDB']]
        : choice < 0.5
          ? ['set', ['SET', 'only', value]]
          : ['get', ['GET', 'only']];
    const sessions = choice < 0.04 ? [session, beside] : [session];
    await Promise.all(
      sessions.map(async (one) => {
        const call = this.#context.tick();
        const replies = await one.send(['SELECT', String(db)], argv, ['SELECT', '0']);
        this.#record(slot, `${ONLY_OF}${db}`, { client: id, call, value }, kind, replies?.[1]);
      }),
    );
  }

  /** `reply` undefined: nothing was sent. */
  #record(
    slot: KeySlot,
    key: string,
    begun: { readonly client: number; readonly call: number; readonly value: string },
    kind: StringOp['kind'],
    reply: RedisResult | undefined,
  ): void {
    if (reply === undefined) return;
    const { client, call, value } = begun;
    const effect = effectOf(reply);
    const isRead = kind === 'get' || kind === 'strlen';
    if (effect === 'none' || (isRead && effect !== 'done')) return;
    if (effect === 'unknown') {
      slot.unknown++;
      this.#context.tally.event('result unknown');
    }
    const history = this.histories.get(key) ?? [];
    this.histories.set(key, history);
    history.push({
      client,
      call,
      ret: effect === 'done' ? this.#context.tick() : Number.POSITIVE_INFINITY,
      kind,
      ...(isRead || kind === 'del' || kind === 'getdel' || kind === 'flush' ? {} : { value }),
      ...(effect === 'done' ? { output: outputOf(reply) } : {}),
    });
  }

  async #count(session: RedisSession, rng: Rng, id: number): Promise<void> {
    const key = `counter:${rng.int(0, 3)}`;
    if (rng.float() < 0.25) {
      await this.#countWatched(session, key, id);
      return;
    }
    const history = this.#counter(key);
    if (rng.float() < 0.2) {
      await this.#countAtOnce(session, key, id, rng.int(2, COUNTS_AT_ONCE_MAX + 1));
      return;
    }
    const call = this.#context.tick();
    const isRead = rng.float() < 0.2;
    const reply = (await session.send(isRead ? ['GET', key] : ['INCR', key]))?.[0];
    if (reply === undefined) return;
    const effect = effectOf(reply);
    const ret = effect === 'done' ? this.#context.tick() : Number.POSITIVE_INFINITY;
    if (isRead) {
      if (effect === 'done') history.reads.push({ client: id, call, ret, value: Number(reply) });
      return;
    }
    this.#keepIncrement(history, { client: id, call, ret }, reply);
  }

  #keepIncrement(history: CounterHistory, interval: Interval, reply: RedisResult): void {
    const effect = effectOf(reply);
    if (effect === 'unknown') this.#context.tally.event('result unknown');
    if (effect === 'none') return;
    history.increments.push({
      ...interval,
      ...(effect === 'done' ? { value: Number(reply) } : {}),
    });
  }

  /** Several in one write: a gateway may run them in one transaction. */
  async #countAtOnce(session: RedisSession, key: string, id: number, count: number): Promise<void> {
    const call = this.#context.tick();
    const commands = Array.from({ length: count }, () => ['INCR', key]);
    const results = await session.send(...commands);
    if (results === undefined) return;
    const done = this.#context.tick();
    const replies: number[] = [];
    for (const reply of results) {
      const isDone = effectOf(reply) === 'done';
      if (isDone) replies.push(Number(reply));
      const ret = isDone ? done : Number.POSITIVE_INFINITY;
      this.#keepIncrement(this.#counter(key), { client: id, call, ret }, reply);
    }
    this.pipelines.push({ client: id, call, key, replies });
  }

  /** Adds one to a counter as a program does that reads first: WATCH lets EXEC refuse what is out of date. */
  async #countWatched(session: RedisSession, key: string, id: number): Promise<void> {
    const [watched, before] = (await session.send(['WATCH', key], ['GET', key])) ?? [];
    // What is not watched is not protected, and GET may be answered where WATCH is not.
    if (watched === undefined || effectOf(watched) !== 'done') return;
    if (before === undefined || effectOf(before) !== 'done') return;
    const value = Number(before ?? 0) + 1;
    const call = this.#context.tick();
    const replies = await session.sendOnSame(['MULTI'], ['SET', key, String(value)], ['EXEC']);
    const executed = replies?.[2];
    // A null array: somebody else was there first.
    if (executed === undefined || executed === null) return;
    const effect = effectOf(executed);
    if (effect === 'unknown') this.#context.tally.event('result unknown');
    if (effect === 'none') return;
    const isDone = effect === 'done';
    const ret = isDone ? this.#context.tick() : Number.POSITIVE_INFINITY;
    this.#counter(key).increments.push({ client: id, call, ret, ...(isDone ? { value } : {}) });
  }

  #counter(key: string): CounterHistory {
    const history = this.counters.get(key) ?? { increments: [], reads: [] };
    this.counters.set(key, history);
    return history;
  }

  /** Two keys, far apart, that only change together. While they are written they are read over another connection. */
  async #pair(session: RedisSession, beside: RedisSession, rng: Rng): Promise<void> {
    const pair = rng.int(0, 2);
    const choice = rng.float();
    if (choice >= 0.5) {
      await this.#readPair(session, pair);
      return;
    }
    const [a, b] = pairOf(pair);
    const value = `p${++this.#values}`;
    const isExec = choice >= 0.3;
    const commands = isExec
      ? [['MULTI'], ['SET', a, value], ['SET', b, value], ['EXEC']]
      : [['MSET', a, value, b, value]];
    const write = { isOver: false };
    const writing = session.send(...commands).finally(() => {
      write.isOver = true;
    });
    for (let reads = 0; reads < READS_BESIDE_MAX && !write.isOver; reads++) {
      await this.#readPair(beside, pair);
    }
    const replies = await writing;
    this.#noteUnknown(isExec ? replies?.slice(3) : replies);
  }

  async #readPair(session: RedisSession, pair: number): Promise<void> {
    const call = this.#context.tick();
    const reply = (await session.send(['MGET', ...pairOf(pair)]))?.[0];
    if (!Array.isArray(reply)) return;
    const [left, right] = reply as readonly (string | null)[];
    this.pairReads.push({ call, values: [left ?? null, right ?? null] });
  }

  #noteUnknown(replies: readonly RedisResult[] | undefined): void {
    if (replies?.some((reply) => effectOf(reply) === 'unknown')) {
      this.#context.tally.event('result unknown');
    }
  }
}

/** Begins the name of the only key of a database, which the number of that database ends. */
const ONLY_OF = 'only of ';

/** The key and the database of a history. */
function placeOf(name: string): readonly [key: string, db: number] {
  return name.startsWith(ONLY_OF) ? ['only', Number(name.slice(ONLY_OF.length))] : [name, 0];
}

function pairOf(pair: number): readonly [string, string] {
  return [`a:pair:${pair}`, `z:pair:${pair}`];
}

type Drawn = readonly [kind: StringOp['kind'], argv: readonly string[]];

function draw(rng: Rng, key: string, value: string): Drawn {
  const choice = rng.int(0, 20);
  if (choice < 7) return ['get', ['GET', key]];
  if (choice < 11) return ['set', ['SET', key, value]];
  if (choice < 12) return ['setnx', ['SETNX', key, value]];
  if (choice < 14) return ['append', ['APPEND', key, value]];
  if (choice < 16) return ['getset', ['GETSET', key, value]];
  if (choice < 17) return ['getdel', ['GETDEL', key]];
  if (choice < 18) return ['strlen', ['STRLEN', key]];
  return ['del', ['DEL', key]];
}

function outputOf(reply: RedisResult): string | number | null {
  if (reply instanceof RespError || typeof reply === 'object') return null;
  return reply;
}
