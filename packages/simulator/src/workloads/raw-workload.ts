import { fromUtf8, type Rng, utf8 } from '@tinykv/base';
import type { Client } from '@tinykv/client';
import type { RegisterOp } from '../checkers/models.js';
import { FINAL_CLIENT, untilRead } from './final-read.js';
import { KeySlots } from './key-slots.js';
import { outcomeOf } from './outcome.js';
import { loop, OPERATION_TIMEOUT_MS, type WorkloadContext } from './workload.js';

const OPS_PER_KEY_MAX = 400;
/** Of all draws, those that a reading client makes: a twentieth of them are no reads. */
const READER_SHARE = 0.475;
/** How many times as long as others a reading client thinks. */
const READER_THINKS = 4;

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
  #values = 0;

  constructor(context: WorkloadContext, keys: number) {
    this.#context = context;
    this.#slots = new KeySlots(keys, OPS_PER_KEY_MAX);
  }

  run(): Promise<unknown> {
    const { cluster, rng } = this.#context;
    return Promise.all(
      cluster.clients.map((node, i) => {
        const own = rng.fork(`raw-${i}`);
        const { thinkMs } = this.#context;
        const context = isReader(i)
          ? { ...this.#context, thinkMs: READER_THINKS * thinkMs }
          : this.#context;
        return loop(context, node, own, (client) => this.#step(client, own, i));
      }),
    );
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
    const slot = this.#slots.pick(rng);
    const { at } = slot;
    // The number first: neighbours lie in different Regions once there are some.
    const name = `${String.fromCharCode(97 + (at % 26))}/raw/${at}/${slot.generation}`;
    const draw = isReader(id) ? rng.float() * READER_SHARE : rng.float();
    const options = { timeoutMs: OPERATION_TIMEOUT_MS };
    const key = utf8(name);
    const call = this.#context.tick();
    const record = (op: Omit<RegisterOp, 'client' | 'call' | 'ret'>, outcome: string): void => {
      if (outcome === 'fail' || (op.kind === 'get' && outcome !== 'ok')) return;
      const ret = outcome === 'ok' ? this.#context.tick() : Number.POSITIVE_INFINITY;
      const history = this.histories.get(name) ?? [];
      this.histories.set(name, history);
      history.push({ ...op, client: id, call, ret } as RegisterOp);
    };
    const op = this.#draw(draw, rng);
    try {
      if (op.kind === 'get') {
        const value = await client.raw.get(key, options);
        record({ kind: 'get', value: value === undefined ? undefined : short(value) }, 'ok');
        return;
      }
      if (op.kind === 'put') await client.raw.put(key, op.bytes, options);
      else await client.raw.delete(key, options);
      record({ kind: op.kind, value: op.value }, 'ok');
    } catch (error) {
      const outcome = outcomeOf(error);
      if (outcome === 'unknown' && op.kind !== 'get') {
        slot.unknown++;
        this.#context.tally.event('result unknown');
      }
      record({ kind: op.kind, value: op.kind === 'put' ? op.value : undefined }, outcome);
    }
  }

  #draw(
    draw: number,
    rng: Rng,
  ):
    | { readonly kind: 'get' }
    | { readonly kind: 'put'; readonly value: string; readonly bytes: Uint8Array }
    | { readonly kind: 'delete'; readonly value: undefined } {
    if (draw < 0.45) return { kind: 'get' };
    if (draw < 0.92) {
      const value = `<v${++this.#values}>`;
      // Padding makes Regions grow; the value is what stands before it.
      const padding = '.'.repeat(rng.int(0, 200));
      return { kind: 'put', value, bytes: utf8(`${value}${padding}`) };
    }
    return { kind: 'delete', value: undefined };
  }
}

/** The value without its padding. */
function short(bytes: Uint8Array): string {
  const text = fromUtf8(bytes);
  const dot = text.indexOf('.');
  return dot < 0 ? text : text.slice(0, dot);
}
