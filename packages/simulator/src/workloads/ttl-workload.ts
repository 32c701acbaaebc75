import { fromUtf8, nextKey, physicalMs, type Rng, utf8 } from '@tinykv/base';
import type { Client } from '@tinykv/client';
import type { TtlHistory, TtlRead } from '../checkers/time-to-live.js';
import { outcomeOf } from './outcome.js';
import { loop, OPERATION_TIMEOUT_MS, type WorkloadContext } from './workload.js';

const OPTIONS = { timeoutMs: OPERATION_TIMEOUT_MS } as const;
const TTL_MIN_MS = 1_000;
const TTL_MAX_MS = 9_000;
const PUT_SHARE = 0.06;
const REPLACE_SHARE = 0.03;
/** Reads go to the newest keys: older ones are long gone. */
const RECENT_KEYS = 30;
const THINK_MS = 250;
const EXPIRING = 'e';
const LASTING = 'l';

/** Clients that put keys with a time to live, some of them again without one, and look when they go. */
export class TtlWorkload {
  readonly histories: TtlHistory[] = [];
  readonly #context: WorkloadContext;
  /** The scheduler's clock against the world's, as far as clients have seen it. */
  #aheadMin = Number.POSITIVE_INFINITY;
  #aheadMax = Number.NEGATIVE_INFINITY;

  constructor(context: WorkloadContext) {
    this.#context = context;
  }

  /** How far the scheduler's clock has jumped in the run. */
  get clockErrorMs(): number {
    return Math.max(0, this.#aheadMax - this.#aheadMin);
  }

  run(): Promise<unknown> {
    const { cluster, rng } = this.#context;
    return Promise.all(
      cluster.clients.map((node, i) => {
        const own = rng.fork(`ttl-${i}`);
        return loop({ ...this.#context, thinkMs: THINK_MS }, node, own, (client) =>
          this.#step(client, own, i),
        );
      }),
    );
  }

  async #step(client: Client, rng: Rng, id: number): Promise<void> {
    try {
      await this.#lookAtClock(client);
      const draw = rng.float();
      if (draw < PUT_SHARE) return await this.#put(client, rng, id);
      const history = this.histories.at(-1 - rng.int(0, RECENT_KEYS - 1));
      if (history === undefined) return;
      if (draw < PUT_SHARE + REPLACE_SHARE) await this.#replace(client, history, id);
      else await this.#read(client, rng, history, id);
    } catch (error) {
      outcomeOf(error);
    }
  }

  async #lookAtClock(client: Client): Promise<void> {
    const ahead = physicalMs(await client.scheduler.tso(1)) - this.#now;
    this.#aheadMin = Math.min(this.#aheadMin, ahead);
    this.#aheadMax = Math.max(this.#aheadMax, ahead);
  }

  async #put(client: Client, rng: Rng, id: number): Promise<void> {
    const name = `${'acegik'.charAt(rng.int(0, 5))}/ttl/${this.histories.length}`;
    const reads: TtlRead[] = [];
    const history: TtlHistory = {
      name,
      put: undefined,
      lasting: undefined,
      isReplaced: false,
      reads,
    };
    this.histories.push(history);
    const ttlMs = rng.int(TTL_MIN_MS, TTL_MAX_MS);
    const begun = { client: id, call: this.#context.tick(), calledAt: this.#now };
    await client.raw.put(utf8(name), utf8(EXPIRING), { ...OPTIONS, ttlMs });
    history.put = { ...begun, ret: this.#context.tick(), returnedAt: this.#now, ttlMs };
  }

  /** Not as long as it may still be carried out after this: the put with a time to live is known to be over. */
  async #replace(client: Client, history: TtlHistory, id: number): Promise<void> {
    if (history.put === undefined || history.isReplaced) return;
    history.isReplaced = true;
    const begun = { client: id, call: this.#context.tick() };
    await client.raw.put(utf8(history.name), utf8(LASTING), OPTIONS);
    history.lasting = { ...begun, ret: this.#context.tick() };
  }

  async #read(client: Client, rng: Rng, history: TtlHistory, id: number): Promise<void> {
    const begun = { client: id, call: this.#context.tick(), calledAt: this.#now };
    const seen = await look(client, rng, utf8(history.name));
    history.reads.push({ ...begun, ret: this.#context.tick(), returnedAt: this.#now, seen });
    if (seen === 'nothing' && history.put !== undefined)
      this.#context.tally.event('raw key expired');
  }

  get #now(): number {
    return this.#context.cluster.world.now;
  }
}

async function look(client: Client, rng: Rng, key: Uint8Array): Promise<TtlRead['seen']> {
  const way = rng.float();
  if (way < 0.3) {
    const pairs = await client.raw.scan(key, {
      ...OPTIONS,
      end: nextKey(key),
      reverse: way < 0.15,
    });
    return seenOf(pairs[0]?.value);
  }
  if (way < 0.5) {
    // It expects what is never there: nothing is written.
    const { previous } = await client.raw.compareAndSwap(key, utf8('?'), utf8('!'), OPTIONS);
    return seenOf(previous);
  }
  return seenOf(await client.raw.get(key, OPTIONS));
}

function seenOf(value: Uint8Array | undefined): TtlRead['seen'] {
  if (value === undefined) return 'nothing';
  return fromUtf8(value) === EXPIRING ? 'expiring' : 'lasting';
}
