import {
  assert,
  type Clock,
  compareBytes,
  composeTimestamp,
  EMPTY_BYTES,
  equalBytes,
  fromKeyString,
  keyString,
  LOGICAL_COUNT,
  TS_MAX,
} from '@tinykv/base';
import { GroupWalk } from '@tinykv/client';
import {
  type GatewayKv,
  GatewayKvError,
  type KvPair,
  type KvRead,
  type KvReader,
  type KvScanOptions,
  type KvTxn,
  type KvVersions,
  type KvWrite,
  type KvWriter,
  type KvWritten,
} from '../kv-port.js';

interface Version {
  readonly ts: bigint;
  /** Of the Put or Delete whose value it has: that below a lock. */
  readonly writeTs: bigint;
  /** Undefined for a delete; a lock keeps the value below it. */
  readonly value: Uint8Array | undefined;
}

/**
 * The store in one process: multi-version, snapshot isolation, first committer wins. Time comes from the
 * clock's wall time, as from a scheduler on the same machine.
 */
export class MemoryKv implements GatewayKv {
  readonly #clock: Clock;
  readonly #versions = new Map<string, Version[]>();
  /** Keys in order; sorted again when a key was added since. */
  #sorted: string[] = [];
  #dirty = false;
  #physical = 0;
  safePoint = 0n;
  #logical = 0;
  /** Calls so far, for tests that count round trips. */
  readonly counts: {
    begin: number;
    readNewest: number;
    readAt: number;
    readVersions: number;
    timestamp: number;
    writeOneKey: number;
    commit: number;
    conflict: number;
  } = {
    begin: 0,
    readNewest: 0,
    readAt: 0,
    readVersions: 0,
    timestamp: 0,
    writeOneKey: 0,
    commit: 0,
    conflict: 0,
  };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  nextTimestamp(): bigint {
    const now = this.#clock.wall();
    if (now > this.#physical) {
      this.#physical = now;
      this.#logical = 0;
    } else if (++this.#logical === LOGICAL_COUNT) {
      this.#physical++;
      this.#logical = 0;
    }
    return composeTimestamp(this.#physical, this.#logical);
  }

  async timestamp(): Promise<bigint> {
    this.counts.timestamp++;
    return this.nextTimestamp();
  }

  async begin(): Promise<KvTxn> {
    this.counts.begin++;
    return new MemoryTxn(this, this.nextTimestamp());
  }

  readNewest<R extends KvRead>(reads: readonly R[], _: number, reader: KvReader<R>): void {
    void Promise.resolve().then(() => {
      for (const read of reads) {
        this.counts.readNewest++;
        const newest = this.#versions.get(keyString(read.key))?.at(-1);
        reader.onRead(read, newest?.value, newest?.writeTs ?? 0n);
      }
      reader.onReadsTold();
    });
  }

  readAt<R extends KvRead>(reads: readonly R[], ts: bigint, _: number, reader: KvReader<R>): void {
    void Promise.resolve().then(() => {
      for (const read of reads) {
        this.counts.readAt++;
        const all = this.#versions.get(keyString(read.key)) ?? [];
        const seen = all.findLast((version) => version.ts <= ts);
        reader.onRead(read, seen?.value, seen?.writeTs ?? 0n);
      }
      reader.onReadsTold();
    });
  }

  async readVersions(keys: readonly Uint8Array[], ts: bigint): Promise<KvVersions> {
    this.counts.readVersions++;
    const { safePoint } = this;
    if (ts < safePoint) throw new GatewayKvError('conflict', `${ts} is below ${safePoint}`);
    const versions = keys.map((key) => {
      const all = this.#versions.get(keyString(key)) ?? [];
      const seen = all.findLast((version) => version.ts <= ts);
      return { value: seen?.value, commitTs: seen?.writeTs ?? 0n };
    });
    return { versions, safePoint };
  }

  writeOneKeys<W extends KvWrite>(writes: readonly W[], _: number, writer: KvWriter<W>): void {
    void Promise.resolve().then(() => {
      for (const write of writes) writer.onWritten(write, this.writeOneKey(write));
    });
  }

  writeOneKey({ key, ts, condition, value, companions }: KvWrite): KvWritten {
    this.counts.writeOneKey++;
    const name = keyString(key);
    const newest = this.#versions.get(name)?.at(-1);
    const there = newest?.value;
    const holds =
      condition.type === 'version'
        ? (newest?.writeTs ?? 0n) === condition.version
        : there === undefined
          ? condition.orAbsent
          : condition.heads.some((head) => equalBytes(there.subarray(0, head.length), head));
    if (!holds) return 'refused';
    assert(ts > 0n, 'a write has a timestamp');
    const changes = [{ key, value }, ...companions];
    const bytes = changes.map((one) => [keyString(one.key), copyOf(one.value)] as const);
    this.commit(TS_MAX, new Map(bytes));
    return 'written';
  }

  valueAt(key: string, ts: bigint): Uint8Array | undefined {
    const versions = this.#versions.get(key);
    if (versions === undefined) return undefined;
    for (let i = versions.length - 1; i >= 0; i--) {
      if (versions[i]!.ts <= ts) return versions[i]!.value;
    }
    return undefined;
  }

  /** Keys of [start, end) in order; an empty `end` is no end. */
  keysIn(start: Uint8Array, end: Uint8Array): string[] {
    if (this.#dirty) {
      this.#sorted = [...this.#versions.keys()].sort();
      this.#dirty = false;
    }
    const from = lowerBound(this.#sorted, keyString(start));
    const to = end.length === 0 ? this.#sorted.length : lowerBound(this.#sorted, keyString(end));
    return this.#sorted.slice(from, to);
  }

  commit(startTs: bigint, writes: ReadonlyMap<string, Uint8Array | undefined | 'lock'>): void {
    this.counts.commit++;
    for (const key of writes.keys()) {
      const versions = this.#versions.get(key);
      const newest = versions?.[versions.length - 1]?.ts ?? 0n;
      if (newest > startTs) {
        this.counts.conflict++;
        throw new GatewayKvError('conflict', `key was written at ${newest}, after ${startTs}`);
      }
    }
    const ts = this.nextTimestamp();
    for (const [key, value] of writes) {
      const versions = this.#versions.get(key) ?? [];
      const below = versions[versions.length - 1];
      if (versions.length === 0) {
        this.#versions.set(key, versions);
        this.#dirty = true;
      }
      if (value === 'lock')
        versions.push({ ts, value: below?.value, writeTs: below?.writeTs ?? 0n });
      else versions.push({ ts, value, writeTs: ts });
      if (versions.length > 64) versions.splice(0, 32);
    }
  }

  /** Raises the safe point and forgets keys that were deleted at or below it. */
  collect(safePoint: bigint): void {
    this.safePoint = safePoint;
    for (const [key, versions] of this.#versions) {
      const newest = versions[versions.length - 1]!;
      if (newest.value === undefined && newest.ts <= safePoint) this.#versions.delete(key);
    }
    this.#dirty = true;
  }

  /** Live keys in all, for tests that look for what was left behind. */
  liveKeys(): Uint8Array[] {
    return [...this.#versions]
      .filter(([, versions]) => versions[versions.length - 1]!.value !== undefined)
      .map(([key]) => fromKeyString(key));
  }
}

class MemoryTxn implements KvTxn {
  readonly startTs: bigint;
  readonly #kv: MemoryKv;
  readonly #writes = new Map<string, Uint8Array | undefined | 'lock'>();
  #done = false;

  constructor(kv: MemoryKv, startTs: bigint) {
    this.#kv = kv;
    this.startTs = startTs;
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#read(keyString(key));
  }

  async batchGet(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return keys.map((key) => this.#read(keyString(key)));
  }

  #read(key: string): Uint8Array | undefined {
    const own = this.#writes.get(key);
    if (own !== 'lock' && (own !== undefined || this.#writes.has(key))) return own;
    return this.#kv.valueAt(key, this.startTs);
  }

  async scan(
    start: Uint8Array,
    end: Uint8Array,
    limit: number,
    options: KvScanOptions = {},
  ): Promise<KvPair[]> {
    const keys = new Set(this.#kv.keysIn(start, end));
    for (const key of this.#writes.keys()) {
      const bytes = fromKeyString(key);
      const below = end.length === 0 || compareBytes(bytes, end) < 0;
      if (below && compareBytes(bytes, start) >= 0) keys.add(key);
    }
    const sorted = [...keys].sort();
    if (options.reverse === true) sorted.reverse();
    const walk = options.groups && new GroupWalk(options.groups);
    const out: KvPair[] = [];
    for (const key of sorted) {
      if (out.length === limit) break;
      const value = this.#read(key);
      if (value === undefined || walk?.skip(fromKeyString(key)) !== undefined) continue;
      walk?.give(fromKeyString(key));
      const shown = options.keyOnly === true ? EMPTY_BYTES : value.slice(0, options.valueBytesMax);
      out.push({ key: fromKeyString(key), value: shown });
    }
    return out;
  }

  put(key: Uint8Array, value: Uint8Array): void {
    assert(value.length > 0, 'the store refuses empty values');
    this.#writes.set(keyString(key), new Uint8Array(value));
  }

  delete(key: Uint8Array): void {
    this.#writes.set(keyString(key), undefined);
  }

  lockKey(key: Uint8Array): void {
    const text = keyString(key);
    if (!this.#writes.has(text)) this.#writes.set(text, 'lock');
  }

  async commit(): Promise<void> {
    assert(!this.#done, 'a transaction commits once');
    this.#done = true;
    this.#kv.commit(this.startTs, this.#writes);
  }

  async rollback(): Promise<void> {
    this.#done = true;
  }
}

function copyOf(value: Uint8Array | undefined): Uint8Array | undefined {
  return value && new Uint8Array(value);
}

function lowerBound(sorted: readonly string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
