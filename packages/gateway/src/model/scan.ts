import { crc32, limits, nextKey } from '@tinykv/base';
import type { KvPair } from '../kv-port.js';
import { isMetaKey, type KeyBounds, slotOfMeta, slotStart, userKeyOfMeta } from './keys.js';
import { isExpired, readMeta, type StoredMeta } from './meta-codec.js';
import type { Database } from './redis-txn.js';
import { SLOT_COUNT } from './slot.js';

export interface FoundKey {
  readonly key: Uint8Array;
  readonly meta: StoredMeta;
}

interface SlottedKey extends FoundKey {
  readonly slot: number;
}

const PAGE = limits.clientScanPageKeys;
/** A call that wants few keys reads few. */
const LEAST_PAGE = 64;

/** Visible keys of a page. */
function visibleOf(db: Database, page: readonly KvPair[]): SlottedKey[] {
  const found: SlottedKey[] = [];
  for (const { key, value } of page) {
    const meta = readMeta(value);
    if (isExpired(meta, db.nowMs) || !isMetaKey(key)) continue;
    found.push({ key: userKeyOfMeta(key), meta, slot: slotOfMeta(key) });
  }
  return found;
}

function after(page: readonly KvPair[]): Uint8Array {
  return nextKey(page[page.length - 1]!.key);
}

/** Visible keys in the order of slot and key, a page at a time: of about so many keys first, then of more and more. */
async function* eachKey(
  db: Database,
  start: Uint8Array,
  wanted: number,
): AsyncGenerator<SlottedKey> {
  const { end } = db.metaBounds;
  let from = start;
  for (let size = Math.max(LEAST_PAGE, Math.min(PAGE, 2 * wanted)); ; ) {
    const page = await db.scanHeads({ start: from, end }, size);
    yield* visibleOf(db, page);
    if (page.length < size) return;
    await db.txn.pace.pause();
    from = after(page);
    size = Math.min(PAGE, 2 * size);
  }
}

/**
 * Shows all visible keys to `visit`, in pages and in no order. A large database is read in several ranges at once, which
 * lie in different Regions as a rule.
 */
export async function visitKeys(
  db: Database,
  visit: (page: readonly SlottedKey[]) => void,
): Promise<void> {
  const first = await db.scanHeads(db.metaBounds, PAGE);
  visit(visibleOf(db, first));
  if (first.length < PAGE) return;
  await Promise.all(partsAfter(db, first).map((part) => visitPart(db, part, visit)));
}

async function visitPart(
  db: Database,
  { start, end }: KeyBounds,
  visit: (page: readonly SlottedKey[]) => void,
): Promise<void> {
  let from = start;
  for (;;) {
    await db.txn.pace.pause();
    const page = await db.scanHeads({ start: from, end }, PAGE);
    visit(visibleOf(db, page));
    if (page.length < PAGE) return;
    from = after(page);
  }
}

/** The range after a page, cut between slots into parts of about one size. */
function partsAfter(db: Database, page: readonly KvPair[]): KeyBounds[] {
  const firstSlot = slotOfMeta(page[page.length - 1]!.key) + 1;
  const slots = Math.max(0, SLOT_COUNT - firstSlot);
  const count = limits.gatewayScanParts;
  const parts: KeyBounds[] = [];
  let start = after(page);
  for (let i = 1; i < count && slots >= count; i++) {
    const end = slotStart(db.prefix, firstSlot + Math.floor((i * slots) / count));
    parts.push({ start, end });
    start = end;
  }
  parts.push({ start, end: db.metaBounds.end });
  return parts;
}

export async function countKeys(db: Database): Promise<number> {
  let count = 0;
  await visitKeys(db, (page) => {
    count += page.length;
  });
  return count;
}

/*
 * A SCAN cursor holds its whole position, so that any gateway can go on from it: slot (16 bits), 47
 * bits of a hash of the last key, and whether that hash counts. Inside a slot keys are given in the order
 * of their hashes; keys of equal hash are never parted, so "after this hash" misses none. Slots are given
 * in order, and 0 is both the first position and the sign of the end.
 */
interface ScanPosition {
  readonly slot: number;
  /** Keys of the slot up to and with this hash have been given; undefined for none. */
  readonly afterHash: bigint | undefined;
}

const HASH_MASK = (1n << 47n) - 1n;

export function encodeCursor(position: ScanPosition): bigint {
  const { slot, afterHash } = position;
  return (BigInt(slot) << 48n) | ((afterHash ?? 0n) << 1n) | (afterHash === undefined ? 0n : 1n);
}

/** Undefined for a cursor behind the last slot: a scan from there is at its end. */
export function decodeCursor(cursor: bigint): ScanPosition | undefined {
  const slot = Number(cursor >> 48n);
  if (slot >= SLOT_COUNT) return undefined;
  return { slot, afterHash: cursor & 1n ? (cursor >> 1n) & HASH_MASK : undefined };
}

export function keyHash(key: Uint8Array): bigint {
  const low = crc32(key);
  const high = crc32(key, 0x9e37_79b9);
  return ((BigInt(high) << 32n) | BigInt(low)) & HASH_MASK;
}

interface HashedKey extends FoundKey {
  readonly hash: bigint;
}

/**
 * Keys from `cursor` on: about `count`, whole slots but for the last, and the cursor to go on with (0 at
 * the end). Of a slot with more keys than fit, those with the least hashes are kept while it is read.
 */
export async function scanKeys(
  db: Database,
  cursor: bigint,
  count: number,
): Promise<{ readonly next: bigint; readonly keys: FoundKey[] }> {
  const position = decodeCursor(cursor);
  if (position === undefined) return { next: 0n, keys: [] };
  const keys: FoundKey[] = [];
  let slot = new SlotSelection(position, count);
  for await (const found of eachKey(db, slotStart(db.prefix, position.slot), count)) {
    if (found.slot !== slot.position.slot) {
      keys.push(...slot.take());
      if (slot.cutAfter !== undefined) break;
      if (keys.length >= count) {
        return { next: encodeCursor({ slot: found.slot, afterHash: undefined }), keys };
      }
      slot = new SlotSelection({ slot: found.slot, afterHash: undefined }, count - keys.length);
    }
    slot.offer(found);
  }
  if (slot.cutAfter === undefined) {
    keys.push(...slot.take());
  }
  if (slot.cutAfter === undefined) return { next: 0n, keys };
  return { next: encodeCursor({ slot: slot.position.slot, afterHash: slot.cutAfter }), keys };
}

/** The first keys of one slot behind a position, by hash. */
class SlotSelection {
  readonly position: ScanPosition;
  /** The last hash that `take` gave when it left some keys out. */
  cutAfter: bigint | undefined;
  readonly #wanted: number;
  #keys: HashedKey[] = [];
  /** Keys of greater hash have been dropped. */
  #dropped = false;

  constructor(position: ScanPosition, wanted: number) {
    this.position = position;
    this.#wanted = wanted;
  }

  offer(found: FoundKey): void {
    const hash = keyHash(found.key);
    const { afterHash } = this.position;
    if (afterHash !== undefined && hash <= afterHash) return;
    this.#keys.push({ key: found.key, meta: found.meta, hash });
    if (this.#keys.length >= 2 * this.#wanted + PAGE) this.#shrink();
  }

  /** Keeps the least hashes, and all keys that share the greatest of them. */
  #shrink(): void {
    this.#keys.sort((a, b) => (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0));
    let end = Math.min(this.#wanted, this.#keys.length);
    while (end < this.#keys.length && this.#keys[end]!.hash === this.#keys[end - 1]!.hash) end++;
    if (end === this.#keys.length) return;
    this.#keys.length = end;
    this.#dropped = true;
  }

  take(): FoundKey[] {
    this.#shrink();
    if (this.#dropped) this.cutAfter = this.#keys[this.#keys.length - 1]!.hash;
    return this.#keys;
  }
}
