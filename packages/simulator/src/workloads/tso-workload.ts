import type { Client } from '@tinykv/client';
import type { TsoGrant } from '../checkers/tso.js';
import { outcomeOf } from './outcome.js';
import { loop, type WorkloadContext } from './workload.js';

/** Clients that ask for timestamps, one or several at a time. */
export class TsoWorkload {
  readonly grants: TsoGrant[] = [];
  readonly #context: WorkloadContext;

  constructor(context: WorkloadContext) {
    this.#context = context;
  }

  run(): Promise<unknown> {
    const { cluster, rng } = this.#context;
    return Promise.all(
      cluster.clients.map((node, i) => {
        const own = rng.fork(`tso-${i}`);
        return loop({ ...this.#context, thinkMs: 400 }, node, own, async (client, rngOfStep) => {
          // Timestamps that are asked for at once share a message.
          const askers = rngOfStep.float() < 0.5 ? 1 : rngOfStep.int(2, 5);
          const counts = Array.from({ length: askers }, () =>
            rngOfStep.float() < 0.8 ? 1 : rngOfStep.int(2, 2_000),
          );
          await Promise.all(counts.map((count) => this.#ask(client, i, count)));
        });
      }),
    );
  }

  async #ask(client: Client, id: number, count: number): Promise<void> {
    const call = this.#context.tick();
    try {
      const last = await client.scheduler.tso(count);
      this.grants.push({ client: id, call, ret: this.#context.tick(), last, count });
    } catch (error) {
      outcomeOf(error);
    }
  }
}
