import { CodecError, type Env, errorMessage, limits, nextKey, physicalMs } from '@tinykv/base';
import type { Epochs } from '../epochs/epochs.js';
import { type GatewayKv, GatewayKvError, type KvPair, type KvTxn } from '../kv-port.js';
import type { TtlClock } from '../ttl-clock.js';
import { decodeGcItem, encodeGcItem, type GcItem } from './gc-codec.js';
import {
  databasePrefix,
  dataPrefix,
  gcBounds,
  type KeyBounds,
  parseGcKey,
  parseTtlKey,
  prefixBounds,
  ttlBounds,
  ttlKey,
} from './keys.js';
import { RedisTxn } from './redis-txn.js';

interface GcWork {
  readonly pair: KvPair;
  readonly item: GcItem;
  readonly enqueueTs: bigint;
  readonly id: Uint8Array;
}

function gcWorkOf(pair: KvPair): GcWork {
  return { pair, item: decodeGcItem(pair.value), ...parseGcKey(pair.key) };
}

/** Undefined: another program's, to be left as it is. */
function readable<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof CodecError) return undefined;
    throw error;
  }
}

export interface SweeperConfig {
  readonly instance: number;
  readonly databases: number;
  readonly sweepMs: number;
  readonly gcDelayMs: number;
}

export interface SweeperStats {
  expiredKeys: number;
  collectedKeys: number;
}

/** What a sweeper shares with the rest of its gateway. */
export interface SweeperParts {
  readonly epochs: Epochs;
  readonly ttlClock: TtlClock;
  readonly stats: SweeperStats;
}

const STEP = limits.gatewaySweepKeysMax;
/** Steps of one kind of work before the sweep goes on to the next. */
const STEPS_MAX = 16;
/** Items of the collector among which one is looked for that can be read. */
const OLDEST = 16;
/** A gateway that lost a race lets the others go ahead for up to so many sweeps. */
const YIELD_SWEEPS = 4;

/**
 * The background work of a gateway, in small transactions: removes keys that have expired (readers do
 * not see them anyway), the elements of large objects that were deleted or replaced, and databases that were
 * flushed. Every gateway of an instance may do it. Two that meet conflict, and the loser stands back.
 */
export class Sweeper {
  readonly #env: Env;
  readonly #kv: GatewayKv;
  readonly #epochs: Epochs;
  readonly #ttlClock: TtlClock;
  readonly #config: SweeperConfig;
  readonly #stats: SweeperStats;
  /** Databases in which the last sweep found something. */
  readonly #busy = new Set<number>();
  /** Of the quiet ones, one is looked at each time. */
  #nextQuiet = 0;
  #running = false;
  #wake: (() => void) | undefined;
  #loop: Promise<void> = Promise.resolve();

  constructor(env: Env, kv: GatewayKv, parts: SweeperParts, config: SweeperConfig) {
    this.#env = env;
    this.#kv = kv;
    this.#epochs = parts.epochs;
    this.#ttlClock = parts.ttlClock;
    this.#config = config;
    this.#stats = parts.stats;
  }

  start(): void {
    this.#running = this.#config.sweepMs > 0;
    this.#loop = this.#sweepForever();
  }

  async stop(): Promise<void> {
    this.#running = false;
    this.#wake?.();
    await this.#loop;
  }

  async #sweepForever(): Promise<void> {
    let pauseSweeps = 1;
    while (this.#running) {
      await this.#pause(pauseSweeps * this.#config.sweepMs);
      pauseSweeps = await this.#sweepOnce();
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#env.clock.after(ms, () => resolve());
      this.#wake = (): void => {
        timer.cancel();
        resolve();
      };
    });
  }

  /** Returns after how many pauses the next one is due. */
  async #sweepOnce(): Promise<number> {
    try {
      await this.sweep();
      return 1;
    } catch (error) {
      if (!(error instanceof GatewayKvError)) throw error;
      if (error.failure === 'conflict') return 1 + this.#env.rng.int(0, YIELD_SWEEPS);
      this.#env.logger.warn('sweep failed', { error: errorMessage(error) });
      return YIELD_SWEEPS;
    }
  }

  /** One round of all the work there is, bounded in steps. Throws GatewayKvError. */
  async sweep(): Promise<void> {
    const quiet = this.#nextQuiet;
    this.#nextQuiet = (quiet + 1) % this.#config.databases;
    for (const db of new Set([...this.#busy, quiet])) {
      const found = await this.#repeat(() => this.#expireStep(db));
      if (found) this.#busy.add(db);
      else this.#busy.delete(db);
    }
    await this.#repeat(() => this.#collectStep());
  }

  /** Repeats a step while it says that there is more; returns whether it said so at all. */
  async #repeat(step: () => Promise<boolean>): Promise<boolean> {
    for (let i = 0; i < STEPS_MAX; i++) {
      if (!(await step())) return i > 0;
    }
    return true;
  }

  /** Removes some keys of a database that are due; returns whether there were any. */
  async #expireStep(db: number): Promise<boolean> {
    const table = this.#epochs.current();
    if (table === undefined) return false;
    const txn = new RedisTxn(await this.#begin(), this.#config.instance, table);
    const database = txn.database(db);
    const { start, end } = ttlBounds(database.prefix, txn.nowMs);
    const due = await txn.kv.scan(start, end, STEP, { keyOnly: true });
    if (due.length === 0) {
      await txn.kv.rollback();
      return false;
    }
    const entries = due.flatMap((pair) => readable(() => parseTtlKey(pair.key)) ?? []);
    if (entries.length === 0) {
      await txn.kv.rollback();
      return false;
    }
    const metas = await database.getMany(entries.map(({ userKey }) => userKey));
    let expired = 0;
    for (const [i, { expireAtMs, userKey }] of entries.entries()) {
      // A key that is visible got another TTL since; its index entry is of an older one.
      if (metas[i] === undefined) {
        database.remove(userKey);
        expired++;
      }
      txn.delete(ttlKey(database.prefix, expireAtMs, userKey));
    }
    await txn.guardReads();
    await txn.commit();
    this.#stats.expiredKeys += expired;
    return true;
  }

  /** Works on the oldest item of the collector; returns whether there was one. */
  async #collectStep(): Promise<boolean> {
    const txn = await this.#begin();
    const { start, end } = gcBounds(this.#config.instance);
    const oldest = await txn.scan(start, end, OLDEST);
    const [found] = oldest.flatMap((pair) => readable(() => gcWorkOf(pair)) ?? []);
    const nowMs = physicalMs(txn.startTs);
    if (found === undefined || physicalMs(found.enqueueTs) + this.#config.gcDelayMs > nowMs) {
      await txn.rollback();
      return false;
    }
    const { pair, item, id } = found;
    const range = this.#rangeOf(item, id);
    const from = item.cursor.length === 0 ? range.start : nextKey(item.cursor);
    const keys = await txn.scan(from, range.end, STEP, { keyOnly: true });
    for (const { key } of keys) txn.delete(key);
    if (keys.length < STEP) txn.delete(pair.key);
    else txn.put(pair.key, encodeGcItem({ ...item, cursor: keys[keys.length - 1]!.key }));
    await txn.commit();
    this.#stats.collectedKeys += keys.length;
    return true;
  }

  /** Sweeps go on while no command comes, and so keep the clock of expiry close to the scheduler's. */
  async #begin(): Promise<KvTxn> {
    const sentMono = this.#ttlClock.mono();
    const txn = await this.#kv.begin();
    this.#ttlClock.observe(txn.startTs, sentMono);
    return txn;
  }

  #rangeOf(item: GcItem, id: Uint8Array): KeyBounds {
    const prefix = databasePrefix(this.#config.instance, item.db, item.epoch);
    return prefixBounds(item.kind === 'epoch' ? prefix : dataPrefix(prefix, id));
  }
}
