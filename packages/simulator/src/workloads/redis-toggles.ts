import type { Rng } from '@tinykv/base';
import type { Toggle } from '../checkers/toggles.js';
import { effectOf, type RedisResult, type RedisSession } from './redis-session.js';
import type { WorkloadContext } from './workload.js';

const KEYS = 2;
/** The share of transactions that wait between WATCH and EXEC, and how long at most: versions may be collected meanwhile. */
const PAUSING_SHARE = 0.25;
const PAUSE_MS_MAX = 6_000;

/**
 * Keys that are made and deleted in turns, by WATCH and EXEC, with the number of the change beside them. A key that came and
 * went looks as it did before, and its number does not.
 */
export class RedisToggles {
  readonly toggles: Toggle[] = [];
  readonly #context: WorkloadContext;

  constructor(context: WorkloadContext) {
    this.#context = context;
  }

  async step(session: RedisSession, rng: Rng, client: number): Promise<void> {
    const key = `m:toggle:${rng.int(0, KEYS)}`;
    const count = `${key}:changes`;
    const [watched, ...read] =
      (await session.send(['WATCH', key], ['GET', key], ['GET', count])) ?? [];
    // A key that is not watched is not protected.
    if (watched === undefined || ![watched, ...read].every(isDone)) return;
    const [present, former] = read;
    if (rng.float() < PAUSING_SHARE) {
      await this.#context.cluster.world.sleep(rng.int(0, PAUSE_MS_MAX), 'toggle');
    }
    const number = Number(former ?? 0) + 1;
    const change = present === null ? ['SET', key, 'x'] : ['DEL', key];
    const call = this.#context.tick();
    const replies = await session.sendOnSame(
      ['MULTI'],
      change,
      ['SET', count, String(number)],
      ['EXEC'],
    );
    const executed = replies?.[3];
    if (executed === undefined || executed === null) return;
    if (effectOf(executed) === 'unknown') this.#context.tally.event('result unknown');
    if (!isDone(executed)) return;
    this.toggles.push({ client, call, ret: this.#context.tick(), key, number });
  }
}

function isDone(reply: RedisResult): boolean {
  return effectOf(reply) === 'done';
}
