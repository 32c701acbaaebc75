import { fromUtf8, nextKey, type Rng, utf8 } from '@tinykv/base';
import type { Client } from '@tinykv/client';
import type { RegisterOp } from '../checkers/models.js';
import { FINAL_CLIENT, untilRead } from './final-read.js';
import { type KeySlot, KeySlots } from './key-slots.js';
import { outcomeOf } from './outcome.js';
import { loop, newcomer, OPERATION_TIMEOUT_MS, type WorkloadContext } from './workload.js';

const OPS_PER_KEY_MAX = 400;
/** Of all draws, those that a reading client makes: a twentieth of them are no reads. */
const READER_SHARE = 0.475;
const SCAN_SHARE = 0.04;
const BATCH_SHARE = 0.04;
const BATCH_KEYS_MAX = 4;
const SWAP_SHARE = 0.08;
const ONCE_SHARE = 0.1;
/** Keys that are used once and not yet deleted. */
const USED_ONCE_MAX = 8;
const OPTIONS = { timeoutMs: OPERATION_TIMEOUT_MS } as const;
/** How many times as long as others a reading client thinks. */
const READER_THINKS = 4;
/**
 * Readers that sleep for long in between. A read that begins after a write was acknowledged, at a leader that does not know
 * that it is one no more, shows that: those that wait there since before the write do not.
 */
const SLEEPERS = 4;
const SLEEPER_THINK_MS = 1_200;
/** The share of the last client's steps with a client that knows no Region: it finds a new leader first. */
const NEWCOMER_SHARE = 0.5;

/** Beyond the numbers of all clients; even, since they read. */
const SLEEPER_ID = 1_000;

/** Half of the clients read now and then: they still ask a leader that the writers have given up. */
function isReader(client: number): boolean {
  return client % 2 === 0;
}

/** Clients that put, get and delete a few keys by the raw API; every value is written once. */
export class RawWorkload {
  /** By key. */
  readonly histories: Map<string, RegisterOp[]> = new Map();
  readonly #context: WorkloadContext;
  readonly #slots: KeySlots;
  /** What was last seen or written by anybody, by key; none: no value. */
  readonly #last = new Map<string, Uint8Array>();
  readonly #usedOnce: Place[] = [];
  #values = 0;

  constructor(context: WorkloadContext, keys: number) {
    this.#context = context;
    this.#slots = new KeySlots(keys, OPS_PER_KEY_MAX, context.skew);
  }

  run(): Promise<unknown> {
    const { cluster, rng } = this.#context;
    const { clients } = cluster;
    const loops = clients.map((node, i) => {
      const own = rng.fork(`raw-${i}`);
      const { thinkMs } = this.#context;
      const context = isReader(i)
        ? { ...this.#context, thinkMs: READER_THINKS * thinkMs }
        : this.#context;
      const isLast = i === clients.length - 1;
      return loop(context, node, own, (client, rngOfStep) =>
        isLast && rngOfStep.float() < NEWCOMER_SHARE
          ? newcomer(context, node, (fresh) => this.#step(fresh, rngOfStep, i))
          : this.#step(client, rngOfStep, i),
      );
    });
    const sleeping = { ...this.#context, thinkMs: SLEEPER_THINK_MS };
    const sleepers = Array.from({ length: SLEEPERS }, (_, i) => {
      const id = SLEEPER_ID + 2 * i;
      return loop(sleeping, clients[0]!, rng.fork(`raw-sleeper-${i}`), (client, rngOfStep) =>
        this.#one(client, rngOfStep, id),
      );
    });
    return Promise.all([...loops, ...sleepers]);
  }

  /** Reads every key that was ever written, when all is healed. */
  async finalReads(client: Client): Promise<void> {
    for (const [name, history] of this.histories) {
      const call = this.#context.tick();
      const { value } = await untilRead(this.#context, async () => {
        const bytes = await client.raw.get(utf8(name), { timeoutMs: OPERATION_TIMEOUT_MS });
        return { value: bytes === undefined ? undefined : short(bytes) };
      });
      const ret = this.#context.tick();
      history.push({ client: FINAL_CLIENT, call, ret, kind: 'get', value });
    }
  }

  async #step(client: Client, rng: Rng, id: number): Promise<void> {
    const draw = rng.float();
    if (draw < SCAN_SHARE) await this.#scan(client, rng, id);
    else if (draw < SCAN_SHARE + BATCH_SHARE && !isReader(id)) await this.#batch(client, rng, id);
    else if (draw > 1 - SWAP_SHARE && !isReader(id)) await this.#swap(client, rng, id);
    else if (draw > 1 - SWAP_SHARE - ONCE_SHARE && !isReader(id)) {
      await this.#onceOnly(client, rng, id);
    } else await this.#one(client, rng, id);
  }

  async #one(client: Client, rng: Rng, id: number): Promise<void> {
    const slot = this.#slots.pick(rng);
    const draw = isReader(id) ? rng.float() * READER_SHARE : rng.float();
    await this.#do(client, { slot, name: nameOf(slot) }, this.#draw(draw, rng), id);
  }

  /**
   * Puts a key that is used once, or deletes one for good. On a store that missed the delete and did not learn of it
   * later it stays for ever: other keys are soon written again.
   */
  async #onceOnly(client: Client, rng: Rng, id: number): Promise<void> {
    const { length } = this.#usedOnce;
    const isPut = length === 0 || (length < USED_ONCE_MAX && rng.float() < 0.5);
    const slot = { at: rng.int(0, 26), generation: 0, unknown: 0, ops: 0 };
    const place = isPut
      ? { slot, name: `${nameOf(slot)}/once/${++this.#values}` }
      : this.#usedOnce.splice(rng.int(0, length), 1)[0]!;
    if (isPut) this.#usedOnce.push(place);
    const op: Drawn = isPut
      ? this.#put(rng)
      : { kind: 'delete', value: undefined, isRange: rng.float() < 0.3 };
    await this.#do(client, place, op, id);
  }

  async #do(client: Client, place: Place, op: Drawn, id: number): Promise<void> {
    const { name } = place;
    const key = utf8(name);
    const begun = { client: id, call: this.#context.tick() };
    try {
      if (op.kind === 'get') {
        const value = await client.raw.get(key, OPTIONS);
        this.#see(name, value);
        this.#keep(name, { ...begun, ret: this.#context.tick(), kind: 'get', value: known(value) });
        return;
      }
      const removed = await write(client, key, op);
      this.#see(name, op.kind === 'put' ? op.bytes : undefined);
      const kind = removed === 0 ? 'get' : op.kind;
      this.#keep(name, { ...begun, ret: this.#context.tick(), kind, value: op.value });
    } catch (error) {
      if (outcomeOf(error) === 'unknown' && op.kind !== 'get') this.#unknown(place, begun, op);
    }
  }

  /** Writes over what somebody has seen there last: often it is still there. */
  async #swap(client: Client, rng: Rng, id: number): Promise<void> {
    const slot = this.#slots.pick(rng);
    const name = nameOf(slot);
    const before = this.#last.get(name);
    const expected = known(before);
    const { value, bytes } = this.#put(rng);
    const begun = { client: id, call: this.#context.tick() };
    try {
      const { swapped, previous } = await client.raw.compareAndSwap(
        utf8(name),
        before,
        bytes,
        OPTIONS,
      );
      const ret = this.#context.tick();
      this.#see(name, swapped ? bytes : previous);
      if (swapped) this.#keep(name, { ...begun, ret, kind: 'swap', value, expected });
      this.#keep(name, { ...begun, ret, kind: 'get', value: known(previous) });
    } catch (error) {
      if (outcomeOf(error) === 'unknown') {
        this.#unknown({ slot, name }, begun, { kind: 'swap', value, expected });
      }
    }
  }

  #see(name: string, bytes: Uint8Array | undefined): void {
    if (bytes === undefined) this.#last.delete(name);
    else this.#last.set(name, bytes);
  }

  /** Each page is read at one moment, not all of them at the same: to a key, a scan is a read during all of it. */
  async #scan(client: Client, rng: Rng, id: number): Promise<void> {
    const row = this.#slots.pickRow(rng);
    const names = row.map(nameOf);
    const begun = { client: id, call: this.#context.tick() };
    const end = nextKey(utf8(names.at(-1)!));
    const options = { ...OPTIONS, end, reverse: rng.float() < 0.5 };
    try {
      const pairs = await client.raw.scan(utf8(names[0]!), options);
      const ret = this.#context.tick();
      const values = new Map(pairs.map(({ key, value }) => [fromUtf8(key), known(value)]));
      for (const name of names) {
        this.#keep(name, { ...begun, ret, kind: 'get', value: values.get(name) });
      }
    } catch (error) {
      outcomeOf(error);
    }
  }

  /** Each pair by itself: when it fails, any of them may have been put. */
  async #batch(client: Client, rng: Rng, id: number): Promise<void> {
    const row = this.#slots.pickRow(rng).slice(0, BATCH_KEYS_MAX);
    const puts = row.map((slot) => ({ slot, name: nameOf(slot), ...this.#put(rng) }));
    const begun = { client: id, call: this.#context.tick() };
    try {
      await client.raw.batchPut(
        puts.map(({ name, bytes }) => ({ key: utf8(name), value: bytes })),
        OPTIONS,
      );
      const ret = this.#context.tick();
      for (const { name, value } of puts) {
        this.#keep(name, { ...begun, ret, kind: 'put', value });
      }
    } catch (error) {
      outcomeOf(error);
      for (const put of puts) this.#unknown(put, begun, put);
    }
  }

  #unknown(
    { slot, name }: Place,
    begun: { readonly client: number; readonly call: number },
    { kind, value, expected }: Pick<RegisterOp, 'kind' | 'value' | 'expected'>,
  ): void {
    slot.unknown++;
    this.#context.tally.event('result unknown');
    this.#keep(name, { ...begun, ret: Number.POSITIVE_INFINITY, kind, value, expected });
  }

  #keep(name: string, op: RegisterOp): void {
    const history = this.histories.get(name) ?? [];
    this.histories.set(name, history);
    history.push(op);
  }

  #draw(draw: number, rng: Rng): Drawn {
    if (draw < 0.45) return { kind: 'get' };
    if (draw < 0.92) return this.#put(rng);
    return { kind: 'delete', value: undefined, isRange: rng.float() < 0.3 };
  }

  #put(rng: Rng): Extract<Drawn, { readonly kind: 'put' }> {
    const value = `<v${++this.#values}>`;
    // Padding makes Regions grow; the value is what stands before it.
    const padding = '.'.repeat(rng.int(0, 200));
    return { kind: 'put', value, bytes: utf8(`${value}${padding}`) };
  }
}

/** A key, and the slot that it was drawn for: that may have got another one meanwhile. */
interface Place {
  readonly slot: KeySlot;
  readonly name: string;
}

type Drawn =
  | { readonly kind: 'get' }
  | { readonly kind: 'put'; readonly value: string; readonly bytes: Uint8Array }
  | { readonly kind: 'delete'; readonly value: undefined; readonly isRange: boolean };

/** How many keys it has found and removed, where it looks. */
async function write(
  client: Client,
  key: Uint8Array,
  op: Exclude<Drawn, { readonly kind: 'get' }>,
): Promise<number | undefined> {
  if (op.kind === 'delete' && op.isRange) {
    return client.raw.deleteRange(key, nextKey(key), OPTIONS);
  }
  if (op.kind === 'put') await client.raw.put(key, op.bytes, OPTIONS);
  else await client.raw.delete(key, OPTIONS);
  return undefined;
}

/** In the order of the slots. The letter first: neighbours lie in different Regions once there are some. */
function nameOf({ at, generation }: KeySlot): string {
  return `${String.fromCharCode(97 + (at % 26))}/raw/${at}/${generation}`;
}

function known(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : short(bytes);
}

/** The value without its padding. */
function short(bytes: Uint8Array): string {
  const text = fromUtf8(bytes);
  const dot = text.indexOf('.');
  return dot < 0 ? text : text.slice(0, dot);
}
