import { physicalMs, type Timestamp } from '@tinykv/base';
import type { GatewayState } from './commands/spec.js';
import { type GatewayKv, GatewayKvError } from './kv-port.js';
import { databasePrefix, metaKey } from './model/keys.js';
import { isExpired, type Meta, readMeta } from './model/meta-codec.js';
import { snapshotOfOne } from './model/one-key-txn.js';
import { UNPACED } from './model/pace.js';
import { type EpochTable, RedisTxn } from './model/redis-txn.js';

/**
 * Reads of one key by its newest record: no timestamp, unless the key expires, and no snapshot, unless it is a large
 * object or has expired already. So they go on while the scheduler is away, those of keys that expire by the bounds of
 * {@link TtlClock}.
 */
export class LatestReads {
  readonly #kv: GatewayKv;
  readonly #gateway: GatewayState;

  constructor(kv: GatewayKv, gateway: GatewayState) {
    this.#kv = kv;
    this.#gateway = gateway;
  }

  /** A transaction that knows this one key, or undefined when it takes a snapshot to tell what it holds. */
  async read(
    table: EpochTable,
    db: number,
    key: Uint8Array,
    timeoutMs: number,
  ): Promise<RedisTxn | undefined> {
    const { config, ttlClock } = this.#gateway;
    const sentMono = ttlClock.mono();
    const record = metaKey(databasePrefix(config.instance, db, table[db]!), key);
    const value = await this.#kv.readLatest(record, timeoutMs);
    const meta = value && readMeta(value);
    let nowMs: number | undefined = 0;
    if (typeof meta === 'object' && meta.id !== undefined) return undefined;
    if (typeof meta === 'object' && meta.expireAtMs !== undefined) {
      nowMs = await this.#timeFor(meta, sentMono);
      if (nowMs === undefined) return undefined;
    }
    const txn = new RedisTxn(snapshotOfOne(0n), config.instance, table, UNPACED, nowMs);
    txn.database(db).preload(key, meta);
    return txn;
  }

  /**
   * A time by which the key may be judged that was the newest record at some moment since `sentMono`. Undefined: it
   * had expired by then, or not; a snapshot tells.
   */
  async #timeFor(meta: Meta, sentMono: number): Promise<number | undefined> {
    let ts: Timestamp;
    try {
      ts = await this.#timestamp();
    } catch (failure) {
      return this.#boundedTime(meta, sentMono, failure);
    }
    // Alive at this timestamp, it was alive when it was read; expired at it, another value may have stood between.
    const nowMs = physicalMs(ts);
    return isExpired(meta, nowMs) ? undefined : nowMs;
  }

  async #timestamp(): Promise<Timestamp> {
    const { ttlClock } = this.#gateway;
    const sentMono = ttlClock.mono();
    const ts = await this.#kv.timestamp();
    ttlClock.observe(ts, sentMono);
    return ts;
  }

  /** The scheduler gives no timestamp: alive by the upper bound, expired by the lower, or not known. */
  #boundedTime(meta: Meta, sentMono: number, failure: unknown): number {
    if (!(failure instanceof GatewayKvError) || failure.failure !== 'unavailable') throw failure;
    const { ttlClock } = this.#gateway;
    const upper = ttlClock.upperAt(ttlClock.mono());
    if (upper !== undefined && !isExpired(meta, Math.ceil(upper))) return Math.ceil(upper);
    const lower = ttlClock.lowerAt(sentMono);
    if (lower !== undefined && isExpired(meta, Math.floor(lower))) return Math.floor(lower);
    const text = `whether the key has expired is not known: ${failure.message}`;
    throw new GatewayKvError('unavailable', text, { cause: failure });
  }
}
