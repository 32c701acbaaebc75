import type { Rng } from '@tinykv/base';
import type { Client } from '@tinykv/client';
import type { ExpiringKey, ExpiringRead, Moment } from '../checkers/expiry.js';
import { untilRead } from './final-read.js';
import { effectOf, type RedisSession } from './redis-session.js';
import type { WorkloadContext } from './workload.js';

const PREFIX = 'ttl:';
const TTL_MS_MAX = 6_000;
/** Keys among which the next one to be read is: most of the others have expired long ago. */
const RECENT = 12;
const PUT_SHARE = 0.35;

/** Keys that are put once with a time to live, and reads of them until long after it. */
export class RedisTtl {
  readonly keys: ExpiringKey[] = [];
  readonly reads: ExpiringRead[] = [];
  readonly #context: WorkloadContext;
  #names = 0;

  constructor(context: WorkloadContext) {
    this.#context = context;
  }

  async step(session: RedisSession, rng: Rng, client: number): Promise<void> {
    if (this.keys.length === 0 || rng.float() < PUT_SHARE) await this.#put(session, rng);
    else await this.#read(session, rng, client);
  }

  async #put(session: RedisSession, rng: Rng): Promise<void> {
    const key = `${PREFIX}${++this.#names}`;
    const ttlMs = Math.round(50 + rng.float() ** 2 * TTL_MS_MAX);
    const from = this.#now();
    const reply = (await session.send(['SET', key, 'x', 'PX', String(ttlMs)]))?.[0];
    if (reply === undefined || effectOf(reply) !== 'done') return;
    this.keys.push({ key, from, to: this.#now(), ttlMs });
  }

  async #read(session: RedisSession, rng: Rng, client: number): Promise<void> {
    const at = this.keys.length - 1 - Math.floor(rng.float() ** 2 * RECENT);
    const { key } = this.keys[Math.max(0, at)]!;
    const { tick } = this.#context;
    const call = tick();
    const from = this.#now();
    const reply = (await session.send(['GET', key]))?.[0];
    if (reply === undefined || effectOf(reply) !== 'done') return;
    this.reads.push({
      client,
      call,
      ret: tick(),
      key,
      from,
      to: this.#now(),
      found: reply !== null,
    });
  }

  #now(): Moment {
    const { schedulerMs, cluster } = this.#context;
    return { schedulerMs: schedulerMs(), worldMs: cluster.world.now };
  }

  /** Resolves when no expired key is left, in the newest version of the data: the gateways remove them by themselves. */
  async untilSwept(client: Client): Promise<void> {
    if (this.#names === 0) return;
    await untilRead(this.#context, async () => {
      const snapshot = await client.snapshot();
      const pairs = await snapshot.scan(new Uint8Array(0), { keyOnly: true });
      const left = pairs.filter(({ key }) => Buffer.from(key).includes(PREFIX));
      return left.length === 0 ? true : undefined;
    });
  }
}
