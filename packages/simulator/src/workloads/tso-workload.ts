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
          const count = rngOfStep.float() < 0.8 ? 1 : rngOfStep.int(2, 2_000);
          const call = this.#context.tick();
          try {
            const last = await client.scheduler.tso(count);
            this.grants.push({ client: i, call, ret: this.#context.tick(), last, count });
          } catch (error) {
            outcomeOf(error);
          }
        });
      }),
    );
  }
}
