import { physicalMs, type Rng } from '@tinykv/base';
import type { Client } from '@tinykv/client';
import type { LifetimeRead } from '../checkers/lifetimes.js';
import { FINAL_CLIENT, untilRead } from './final-read.js';
import { outcomeOf } from './outcome.js';
import { effectOf, type RedisResult, type RedisSession } from './redis-session.js';
import type { WorkloadContext } from './workload.js';

const PREFIX = 'life';
const TTL_MS_MIN = 100;
const TTL_MS_MAX = 6_000;
const MAKE_SHARE = 0.35;
/** The keys of a client that it still looks at: the older ones have long been gone. */
const RECENT = 12;
/** A look that shows the key and took longer is not judged: with the scheduler away its gateway knows bounds, and not that the day has jumped. */
const LOOK_MS_MAX = 1_000;
const FOREVER = Number.POSITIVE_INFINITY;
/** Clocks may be slower than simulated time by so much. */
const DRIFT = 1.1;

/** A key with a time to live; one client writes it, all read it. */
interface Mortal {
  readonly key: string;
  readonly owner: number;
  /** It is there for certain before this time of the scheduler, and gone for certain after that one. */
  livesUntil: number;
  goneFrom: number;
  /** Gone by simulated time as well: a gateway that does not reach the scheduler does not know that its day has jumped. */
  goneFromWorld: number;
  /** An outcome is unknown: nothing is certain any more. */
  isLost: boolean;
}

interface Begun extends Pick<LifetimeRead, 'client' | 'call' | 'from'> {
  /** Time of the world. */
  readonly sentAt: number;
}

/** Keys that expire, by the scheduler's time, which is asked for before and after each command. */
export class RedisLifetimes {
  readonly reads: LifetimeRead[] = [];
  readonly #context: WorkloadContext;
  readonly #keys: Mortal[] = [];
  #made = 0;

  constructor(context: WorkloadContext) {
    this.#context = context;
  }

  async step(session: RedisSession, client: Client, rng: Rng, id: number): Promise<void> {
    const recent = this.#keys.slice(-RECENT);
    const own = recent.filter(({ owner, isLost }) => owner === id && !isLost);
    const draw = rng.float();
    try {
      if (draw < MAKE_SHARE || recent.length === 0) await this.#make(session, client, rng, id);
      else if (draw < 0.5 && own.length > 0) {
        await this.#keep(session, rng, own[rng.int(0, own.length)]!);
      } else await this.#read(session, client, rng, id, recent[rng.int(0, recent.length)]!);
    } catch (error) {
      // The scheduler gave no timestamp.
      outcomeOf(error);
    }
  }

  /** Looks at every key once more, when all is healed: what was to stay must be there, and the rest gone. */
  async finalReads(session: RedisSession, client: Client): Promise<void> {
    for (const mortal of this.#keys) {
      if (mortal.isLost) continue;
      await untilRead(this.#context, async () => {
        const begun = await this.#begin(client, FINAL_CLIENT);
        const reply = (await session.send(['SELECT', '0'], ['EXISTS', mortal.key]))?.[1];
        return this.#note(client, mortal, begun, reply, mortal);
      });
    }
  }

  async #make(session: RedisSession, client: Client, rng: Rng, owner: number): Promise<void> {
    const key = `${PREFIX}:${++this.#made}`;
    const ttl = rng.int(TTL_MS_MIN, TTL_MS_MAX);
    const before = await this.#now(client);
    const replies = await session.send(...requestsOf(rng.int(0, 4), key, ttl));
    if (replies === undefined || !replies.every((reply) => effectOf(reply) === 'done')) return;
    const after = await this.#now(client);
    const times = { livesUntil: before + ttl, goneFrom: after + ttl };
    const goneFromWorld = this.#context.cluster.world.now + DRIFT * ttl;
    this.#keys.push({ key, owner, ...times, goneFromWorld, isLost: false });
  }

  /** The key is to stay: from then on nothing may take it away. */
  async #keep(session: RedisSession, rng: Rng, mortal: Mortal): Promise<void> {
    const { key, goneFrom } = mortal;
    const persists = rng.float() < 0.6;
    mortal.goneFrom = FOREVER;
    const reply = (await session.send(persists ? ['PERSIST', key] : ['SET', key, 'x']))?.[0];
    const effect = reply === undefined ? 'none' : effectOf(reply);
    if (effect === 'unknown') mortal.isLost = true;
    else if (effect === 'none' || reply === 0) mortal.goneFrom = goneFrom;
    else mortal.livesUntil = FOREVER;
  }

  async #read(
    session: RedisSession,
    client: Client,
    rng: Rng,
    id: number,
    mortal: Mortal,
  ): Promise<void> {
    const begun = await this.#begin(client, id);
    const { livesUntil } = mortal;
    const command = rng.float() < 0.6 ? 'GET' : 'EXISTS';
    const reply = (await session.send([command, mortal.key]))?.[0];
    await this.#note(client, mortal, begun, reply, { livesUntil });
  }

  /** Whether there was an answer. */
  async #note(
    client: Client,
    mortal: Mortal,
    { sentAt, ...begun }: Begun,
    reply: RedisResult | undefined,
    { livesUntil }: Pick<Mortal, 'livesUntil'>,
  ): Promise<true | undefined> {
    if (reply === undefined || effectOf(reply) !== 'done') return undefined;
    const isPresent = reply !== null && reply !== 0;
    const { key, goneFrom, goneFromWorld, isLost } = mortal;
    const took = this.#context.cluster.world.now - sentAt;
    const to = await this.#now(client);
    const isLateByWorld = sentAt > goneFromWorld;
    if (isLost || (isPresent && (took > LOOK_MS_MAX || !isLateByWorld))) return true;
    const ret = this.#context.tick();
    this.reads.push({ ...begun, ret, key, isPresent, to, livesUntil, goneFrom });
    return true;
  }

  async #begin(client: Client, id: number): Promise<Begun> {
    const sentAt = this.#context.cluster.world.now;
    const from = await this.#now(client);
    return { client: id, call: this.#context.tick(), from, sentAt };
  }

  async #now(client: Client): Promise<number> {
    return physicalMs(await client.scheduler.tso(1));
  }
}

/** The ways to make a key that expires. */
function requestsOf(way: number, key: string, ttl: number): string[][] {
  switch (way) {
    case 0:
      return [['SET', key, 'x', 'PX', `${ttl}`]];
    case 1:
      return [['PSETEX', key, `${ttl}`, 'x']];
    case 2:
      return [
        ['SET', key, 'x'],
        ['PEXPIRE', key, `${ttl}`],
      ];
    default:
      // The first time to live must not come back.
      return [
        ['SET', key, 'x', 'PX', '60000'],
        ['SET', key, 'x', 'PX', `${ttl}`],
      ];
  }
}
