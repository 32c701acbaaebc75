import type { Rng } from '@tinykv/base';
import type { ExecRead } from '../checkers/exec-skew.js';
import { effectOf, type RedisSession } from './redis-session.js';
import type { WorkloadContext } from './workload.js';

/**
 * Two transactions at once over two connections: each writes one key of a pair and reads the other, by MULTI and EXEC,
 * without WATCH. A pair is used once.
 */
export class RedisSkew {
  readonly reads: ExecRead[] = [];
  readonly #context: WorkloadContext;
  #pairs = 0;

  constructor(context: WorkloadContext) {
    this.#context = context;
  }

  async step(session: RedisSession, beside: RedisSession, rng: Rng, client: number): Promise<void> {
    const pair = `pair:${++this.#pairs}`;
    const readsFirst = rng.float() < 0.5;
    await Promise.all([
      this.#exec(session, client, pair, 'left', readsFirst),
      this.#exec(beside, client, pair, 'right', readsFirst),
    ]);
  }

  async #exec(
    session: RedisSession,
    client: number,
    pair: string,
    wrote: ExecRead['wrote'],
    readsFirst: boolean,
  ): Promise<void> {
    // Far apart: in different Regions once there are some.
    const keys = { left: `b:${pair}`, right: `y:${pair}` };
    const other = wrote === 'left' ? keys.right : keys.left;
    const call = this.#context.tick();
    const commands = [
      ['SET', keys[wrote], 'x'],
      ['GET', other],
    ];
    if (readsFirst) commands.reverse();
    const replies = await session.send(['MULTI'], ...commands, ['EXEC']);
    const executed = replies?.[3];
    if (executed === undefined || effectOf(executed) !== 'done' || !Array.isArray(executed)) return;
    const sawOther = (executed as readonly unknown[]).includes('x');
    this.reads.push({ client, call, pair, wrote, sawOther });
  }
}
