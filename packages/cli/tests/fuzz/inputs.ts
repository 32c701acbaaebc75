import { Prng } from '@tinykv/base';
import { isHarmless } from './guard.js';
import { Messages } from './messages.js';
import { mutate } from './mutations.js';
import type { Rpc } from './schema.js';
import type { World } from './world.js';

/** How a run makes its inputs. The same seed and world give the same inputs. */
export interface InputPlan {
  readonly seed: number;
  readonly world: World;
  readonly rpcs: readonly Rpc[];
}

/** The number of a hundred draws that may be thrown away before a method counts as one without inputs. */
const DRAWS_PER_INPUT = 100;

/** Distinct requests of one method, without end: half as a client could send them, half mutated. */
export class Inputs {
  readonly #rpc: Rpc;
  readonly #plan: InputPlan;
  readonly #messages: Messages;
  readonly #others: readonly Rpc[];
  readonly #seen = new Set<string>();
  readonly #guarded: boolean;

  constructor(rpc: Rpc, plan: InputPlan, { guarded = true } = {}) {
    const rng = new Prng(plan.seed).fork(rpc.path);
    const byPath = new Map(plan.rpcs.map((known) => [known.path, known]));
    this.#rpc = rpc;
    this.#plan = plan;
    this.#messages = new Messages(rng, plan.world, byPath);
    this.#others = plan.rpcs;
    this.#guarded = guarded;
  }

  /** How many were drawn. */
  get count(): number {
    return this.#seen.size;
  }

  next(): Uint8Array {
    for (let draw = 0; draw < DRAWS_PER_INPUT; draw++) {
      const bytes = this.#draw();
      const name = Buffer.from(bytes).toString('latin1');
      const mayBeSent = !this.#guarded || isHarmless(this.#rpc.path, bytes, this.#plan.world);
      if (!mayBeSent || this.#seen.has(name)) continue;
      this.#seen.add(name);
      return bytes;
    }
    throw new Error(`${this.#rpc.path}: no new input in ${DRAWS_PER_INPUT} draws`);
  }

  #draw(): Uint8Array {
    const { rng } = this.#messages;
    const request = this.#messages.draw(this.#rpc.request);
    if (rng.int(0, 2) === 0) return request;
    const other = this.#others[rng.int(0, this.#others.length)]!;
    return mutate(rng, request, this.#messages.draw(other.request));
  }
}
