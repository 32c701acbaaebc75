import type { Rng } from '@tinykv/base';
import type { ExecRead } from '../checkers/exec-skew.js';
import { effectOf, type RedisSession } from './redis-session.js';
import type { WorkloadContext } from './workload.js';

/** Pairs at a time: few, so that transactions meet. */
const PAIRS = 2;
/** Transactions on one pair, before it is left for a new one. */
const TURNS = 4;

/** Transactions that write one key of a pair and read the other, by MULTI and EXEC, without WATCH. */
export class RedisSkew {
  readonly reads: ExecRead[] = [];
  readonly #context: WorkloadContext;
  readonly #turns = new Array<number>(PAIRS).fill(0);

  constructor(context: WorkloadContext) {
    this.#context = context;
  }

  async step(session: RedisSession, rng: Rng, client: number): Promise<void> {
    const at = rng.int(0, PAIRS);
    const pair = `pair:${at}:${Math.floor(this.#turns[at]!++ / TURNS)}`;
    const wrote = rng.float() < 0.5 ? 'left' : 'right';
    // Far apart: in different Regions once there are some.
    const keys = { left: `b:${pair}`, right: `y:${pair}` };
    const other = wrote === 'left' ? keys.right : keys.left;
    const call = this.#context.tick();
    const commands = [
      ['SET', keys[wrote], 'x'],
      ['GET', other],
    ];
    if (rng.float() < 0.5) commands.reverse();
    const replies = await session.send(['MULTI'], ...commands, ['EXEC']);
    const executed = replies?.[3];
    if (executed === undefined || effectOf(executed) !== 'done' || !Array.isArray(executed)) return;
    const sawOther = (executed as readonly unknown[]).includes('x');
    this.reads.push({ client, call, pair, wrote, sawOther });
  }
}
