import {
  compareBytes,
  err,
  KvError,
  type KvReader,
  limits,
  nextKey,
  ok,
  type Result,
} from '@tinykv/base';
import {
  type ApiMode,
  expiryKey,
  family,
  type Modify,
  openExpiry,
  parseExpiryKey,
  type RawCf,
  type RawRecord,
  type RegionAccess,
  type RegionError,
  type RequestContext,
  rawKey,
  recordRange,
} from '@tinykv/model';
import type { GrantedTime } from './granted-time.js';
import { asDataLoss } from './mvcc/key-view.js';
import { type RawKeys, readRaw } from './raw-keys.js';
import { proposeModifies, readConfirmed, stopIfGone, withSnapshot } from './region-read.js';

interface RawKeyName {
  readonly cf: RawCf;
  readonly key: Uint8Array;
}

export interface ExpiryPage {
  /** Where the next page begins; undefined: the Region is done. */
  readonly next: Uint8Array | undefined;
  /** Keys that have gone. */
  readonly removed: number;
}

export const TIME_UNKNOWN: Result<never, RegionError> = err({
  type: 'server-is-busy',
  reason: 'the scheduler has not told the time yet',
});

/**
 * Keys with a time to live. Clocks only propose: a key has expired once its removal is applied, and nobody is told so
 * before. So a key that was seen to be gone stays gone at every later leader, whatever the time is thought to be there.
 */
export class RawExpiry {
  readonly #access: RegionAccess;
  readonly #keys: RawKeys;
  readonly #time: GrantedTime;

  constructor(access: RegionAccess, keys: RawKeys, time: GrantedTime) {
    this.#access = access;
    this.#keys = keys;
    this.#time = time;
  }

  /** When a key expires that is to live so long from now on; undefined: nobody tells the time. */
  async expiryIn(ttlMs: number): Promise<number | undefined> {
    const now = await this.#time.atMost();
    return now === undefined ? undefined : now + ttlMs;
  }

  /** Whether the time has come, without asking; undefined: only the scheduler can tell. */
  hasPassed(expiresAt: number): boolean | undefined {
    const now = this.#time.recent;
    return now === undefined ? undefined : expiresAt <= now;
  }

  /** The time by which keys are judged; undefined: nobody tells it. */
  now(): Promise<number | undefined> {
    return this.#time.atLeast();
  }

  /** Removes what has expired of these keys. Nothing was answered yet: an unknown outcome is one to ask again about. */
  async remove(
    context: RequestContext,
    names: readonly RawKeyName[],
  ): Promise<Result<number, RegionError>> {
    let removed = 0;
    for (let at = 0; at < names.length; at += limits.rawExpireKeys) {
      const part = names.slice(at, at + limits.rawExpireKeys);
      const settled = await Promise.allSettled(part.map((name) => this.#removeOne(context, name)));
      for (const one of settled) {
        if (one.status === 'rejected') {
          if (isUnknown(one.reason)) return err({ type: 'stale-command' });
          throw one.reason;
        }
        if (!one.value.ok) return one.value;
        if (one.value.value) removed += 1;
      }
      stopIfGone(context);
    }
    return ok(removed);
  }

  /** Whether the key was removed. */
  #removeOne(
    context: RequestContext,
    { cf, key }: RawKeyName,
  ): Promise<Result<boolean, RegionError>> {
    return this.#keys.alone(context, cf, key, 0, async (view) => {
      const now = await this.#time.atLeast();
      if (now === undefined) return TIME_UNKNOWN;
      const at = rawKey(this.#access.api, cf, key);
      const facts = readConfirmed(view, (reader) => ({
        record: readRaw(reader, key, at),
        markedAt: readExpiry(reader, cf, key),
      }));
      if (!facts.ok) return facts;
      const modify = removal({ cf, key }, facts.value, now);
      if (modify === undefined) return ok(false);
      const settled = await proposeModifies(this.#access, view, [modify]);
      return settled.ok ? ok(modify.dropValue) : settled;
    });
  }

  /**
   * One page of the collection of a Region: removes keys whose time has come, and the records of expiries of keys that
   * were put anew or deleted before.
   */
  async collect(
    context: RequestContext,
    from: Uint8Array | undefined,
  ): Promise<Result<ExpiryPage, RegionError>> {
    const view = await this.#access.acquireRead(context, []);
    if (!view.ok) return view;
    const range = recordRange(this.#access.api, family.expiry, view.value.region.range);
    const start = from !== undefined && compareBytes(from, range.start) > 0 ? from : range.start;
    const read = await withSnapshot(view.value, (snapshot) =>
      readPage(this.#access.api, snapshot, start, range.end),
    );
    if (!read.ok) return read;
    const { entries, next } = read.value;
    if (entries.length === 0) return ok({ next, removed: 0 });
    const now = await this.#time.atLeast();
    if (now === undefined) return TIME_UNKNOWN;
    const due = entries.filter(({ expiresAt, isOrphan }) => isOrphan || expiresAt <= now);
    const removed = await this.remove(context, due);
    return removed.ok ? ok({ next, removed: removed.value }) : removed;
  }
}

interface Facts {
  readonly record: RawRecord | undefined;
  readonly markedAt: number | undefined;
}

/**
 * A record and what says when it expires are written together, so the latter is that of the record, or of an earlier one
 * that was put anew without a time to live, or deleted.
 */
function removal(
  { cf, key }: RawKeyName,
  { record, markedAt }: Facts,
  now: number,
): Extract<Modify, { type: 'raw-expire' }> | undefined {
  const expiresAt = record?.expiresAt;
  if (expiresAt !== undefined) {
    return expiresAt <= now ? { type: 'raw-expire', cf, key, dropValue: true } : undefined;
  }
  if (markedAt === undefined) return undefined;
  return { type: 'raw-expire', cf, key, dropValue: false };
}

interface DueKey extends RawKeyName {
  readonly expiresAt: number;
  /** The key was deleted since, or put without a time to live. */
  readonly isOrphan: boolean;
}

async function readPage(
  api: ApiMode,
  snapshot: KvReader,
  start: Uint8Array,
  end: Uint8Array,
): Promise<{ readonly entries: readonly DueKey[]; readonly next: Uint8Array | undefined }> {
  const iterator = snapshot.iterator({ start, end });
  try {
    const page = await iterator.next(limits.scanPageKeys);
    const last = page.at(-1);
    const isLast = last === undefined || page.length < limits.scanPageKeys;
    return {
      entries: page.map(([at, bytes]) => {
        const name = nameOf(at);
        const { cf, key } = name;
        const record = readRaw(snapshot, key, rawKey(api, cf, key));
        const isOrphan = record?.expiresAt === undefined;
        return { ...name, expiresAt: expiryOf(at, bytes), isOrphan };
      }),
      next: isLast ? undefined : nextKey(last[0]),
    };
  } finally {
    await iterator.close();
  }
}

function readExpiry(reader: KvReader, cf: RawCf, key: Uint8Array): number | undefined {
  const at = expiryKey(cf, key);
  const bytes = reader.get(at);
  return bytes && expiryOf(at, bytes);
}

function nameOf(at: Uint8Array): RawKeyName {
  try {
    return parseExpiryKey(at);
  } catch (error) {
    throw asDataLoss(error, 'key of an expiry', at);
  }
}

function expiryOf(at: Uint8Array, bytes: Uint8Array): number {
  try {
    return openExpiry(at, bytes);
  } catch (error) {
    throw asDataLoss(error, 'expiry', at);
  }
}

function isUnknown(error: unknown): boolean {
  return error instanceof KvError && error.code === 'UNKNOWN';
}
