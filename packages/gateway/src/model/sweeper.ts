import { CodecError, type Env, errorMessage, limits, nextKey, physicalMs } from '@tinykv/base';
import type { Epochs } from '../epochs/epochs.js';
import { type GatewayKv, GatewayKvError, type KvPair, type KvTxn } from '../kv-port.js';
import type { TtlClock } from '../ttl-clock.js';
import type { ExpirySchedule } from './expiry-schedule.js';
import { decodeGcItem, encodeGcItem, type GcItem } from './gc-codec.js';
import {
  databasePrefix,
  dataPrefix,
  dueGroups,
  gcBounds,
  isTtlKey,
  type KeyBounds,
  parseGcKey,
  parseTtlKey,
  prefixBounds,
  slotOfMeta,
  slotStart,
  ttlKey,
} from './keys.js';
import { type Database, RedisTxn } from './redis-txn.js';
import { SLOT_COUNT } from './slot.js';

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
  readonly expiries: ExpirySchedule;
  readonly stats: SweeperStats;
}

const STEP = limits.gatewaySweepKeysMax;
/** Steps of one kind of work before the sweep goes on to the next. */
const STEPS_MAX = 16;
/** Due slots of one step. */
const SLOTS_MAX = 256;
/** Due slots that lie so close together are looked at in one request. */
const SLOTS_APART = 16;
/** Slots of one sweep that are looked at without being due. */
const WALK_SLOTS = 512;
/** Databases without keys that the walk passes in one sweep. */
const WALK_EMPTY = 2;
/** Items of the collector among which one is looked for that can be read. */
const OLDEST = 16;
/** A gateway that lost a race lets the others go ahead for up to so many sweeps. */
const YIELD_SWEEPS = 4;

/** Slots [from, to). */
interface SlotRange {
  readonly from: number;
  readonly to: number;
}

/** An entry that is due. */
interface Due {
  readonly slot: number;
  readonly expireAtMs: bigint;
  readonly userKey: Uint8Array;
}

/** Ranges that have these slots, which are in order, and few others. */
function rangesOf(slots: readonly number[]): SlotRange[] {
  const ranges: { from: number; to: number }[] = [];
  for (const slot of slots) {
    const last = ranges[ranges.length - 1];
    if (last !== undefined && slot <= last.to + SLOTS_APART) last.to = slot + 1;
    else ranges.push({ from: slot, to: slot + 1 });
  }
  return ranges;
}

async function isWithoutKeys({ txn, metaBounds }: Database): Promise<boolean> {
  const { start, end } = metaBounds;
  return (await txn.kv.scan(start, end, 1, { keyOnly: true })).length === 0;
}

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
  readonly #expiries: ExpirySchedule;
  /** Where the walk over all slots goes on. */
  #walkAt = { db: 0, slot: 0 };
  #running = false;
  #wake: (() => void) | undefined;
  #loop: Promise<void> = Promise.resolve();

  constructor(env: Env, kv: GatewayKv, parts: SweeperParts, config: SweeperConfig) {
    this.#env = env;
    this.#kv = kv;
    this.#epochs = parts.epochs;
    this.#ttlClock = parts.ttlClock;
    this.#expiries = parts.expiries;
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
    const table = this.#epochs.current();
    if (table !== undefined) {
      const txn = new RedisTxn(await this.#begin(), this.#config.instance, table);
      await this.#walk(txn);
      await txn.kv.rollback();
      for (const db of this.#expiries.dueDatabases(txn.nowMs)) {
        await this.#repeat(() => this.#expireStep(db, txn.nowMs));
      }
    }
    await this.#repeat(() => this.#collectStep());
  }

  /** Repeats a step while it says that there is more. */
  async #repeat(step: () => Promise<boolean>): Promise<void> {
    for (let i = 0; i < STEPS_MAX; i++) if (!(await step())) return;
  }

  /** Looks at some slots whatever the schedule says: for entries of gateways that are gone, and for those before its own start. */
  async #walk(txn: RedisTxn): Promise<void> {
    for (let empty = 0; empty < WALK_EMPTY; empty++) {
      const { db, slot } = this.#walkAt;
      const database = txn.database(db);
      const isEmpty = slot === 0 && (await isWithoutKeys(database));
      const end = isEmpty ? SLOT_COUNT : Math.min(SLOT_COUNT, slot + WALK_SLOTS);
      if (!isEmpty) await this.#look(database, { from: slot, to: end }, 0);
      const next = (db + 1) % this.#config.databases;
      this.#walkAt = end === SLOT_COUNT ? { db: next, slot: 0 } : { db, slot: end };
      if (!isEmpty) return;
    }
  }

  /**
   * The entries of these slots that are due at `dueMs`. Notes when the others are; and the slots again of which it has
   * not seen all that is due.
   */
  async #look(db: Database, { from, to }: SlotRange, dueMs: number): Promise<Due[]> {
    const start = slotStart(db.prefix, from);
    const end = slotStart(db.prefix, to);
    const groups = dueGroups(dueMs);
    const limit = Math.max(STEP, to - from);
    const pairs = await db.txn.kv.scan(start, end, limit, { keyOnly: true, groups });
    const due: Due[] = [];
    for (const { key } of pairs) {
      const entry = readable(() => parseTtlKey(key));
      if (entry === undefined || !isTtlKey(key)) continue;
      const slot = slotOfMeta(key);
      if (entry.expireAtMs <= dueMs) due.push({ ...entry, slot });
      // Others have seen it as well: not all of them are to come for it at once.
      else this.#note(db, slot, Number(entry.expireAtMs) + this.#laterMs());
    }
    const last = pairs.length < limit ? undefined : slotOfMeta(pairs[pairs.length - 1]!.key);
    if (last !== undefined) for (let slot = last; slot < to; slot++) this.#note(db, slot, db.nowMs);
    return due;
  }

  #note(db: Database, slot: number, dueMs: number): void {
    this.#expiries.note(db.index, db.epoch, slot, dueMs);
  }

  #laterMs(): number {
    return this.#env.rng.int(0, YIELD_SWEEPS) * this.#config.sweepMs;
  }

  /** Removes some keys of a database that are due; returns whether there may be more. */
  async #expireStep(db: number, nowMs: number): Promise<boolean> {
    const table = this.#epochs.current();
    if (table === undefined) return false;
    const epoch = table[db]!;
    const slots = this.#expiries.takeDue(db, epoch, nowMs, SLOTS_MAX);
    if (slots.length === 0) return false;
    try {
      const txn = new RedisTxn(await this.#begin(), this.#config.instance, table);
      const database = txn.database(db);
      const looks = rangesOf(slots).map((range) => this.#look(database, range, txn.nowMs));
      const found = (await Promise.all(looks)).flat();
      for (const { slot } of found.slice(STEP)) this.#note(database, slot, txn.nowMs);
      await this.#expire(database, found.slice(0, STEP));
    } catch (error) {
      for (const slot of slots) this.#expiries.note(db, epoch, slot, nowMs);
      throw error;
    }
    return true;
  }

  async #expire(database: Database, due: readonly Due[]): Promise<void> {
    const { txn } = database;
    if (due.length === 0) return txn.kv.rollback();
    const metas = await database.getMany(due.map(({ userKey }) => userKey));
    let expired = 0;
    for (const [i, { expireAtMs, userKey }] of due.entries()) {
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
