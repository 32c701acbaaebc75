import { assert, compareBytes, keyString, nextKey } from '@tinykv/base';
import { type KeyRange, rangeContains } from '@tinykv/model';
import type { HeldKeys } from './held-keys.js';
import type { KvPair, ScanPage } from './range-scan.js';
import type { OwnWrites, TxnBuffer, Write } from './txn-buffer.js';

/** Keys of its own that a transaction looks at in one go, however many it has in a range that a scan has read. */
export const OWN_WRITES_LOOKED_AT = 256;

const NO_WRITES: OwnWrites = { writes: [], last: undefined };

/**
 * What a transaction sees in place of its snapshot: its own writes and, where it has none, the values under its
 * locks. The prewrite checks no conflict for a key that is locked, so a snapshot's value of such a key, which may be
 * older than the lock, must never be read.
 */
export class TxnView {
  readonly #buffer: TxnBuffer;
  /** Undefined: the transaction is optimistic. */
  readonly #held: HeldKeys | undefined;

  constructor(buffer: TxnBuffer, held: HeldKeys | undefined) {
    this.#buffer = buffer;
    this.#held = held;
  }

  /** Keys that are locked by now; it only grows. */
  get heldCount(): number {
    return this.#held?.size ?? 0;
  }

  /** Undefined: the snapshot's value counts. */
  get(key: Uint8Array): Write | undefined {
    const own = this.#buffer.get(key);
    if (own !== undefined && own.kind !== 'lock') return own;
    return this.#held?.get(keyString(key));
  }

  /** In scan order; a bounded number of keys is looked at. */
  range(range: KeyRange, reverse: boolean): OwnWrites {
    const own = this.#buffer.range(range, reverse, OWN_WRITES_LOOKED_AT);
    const held = this.#held?.range(range, reverse, OWN_WRITES_LOOKED_AT) ?? NO_WRITES;
    if (held.writes.length === 0 && held.last === undefined) return own;
    const order = (a: Uint8Array, b: Uint8Array): number => compareBytes(a, b) * signOf(reverse);
    // No further than both were looked at.
    const lasts = [own.last, held.last].filter((last) => last !== undefined).sort(order);
    const last = lasts[0];
    const byName = new Map(
      [...held.writes, ...own.writes].map((write) => [keyString(write.key), write]),
    );
    const writes = [...byName.values()]
      .filter(({ key }) => last === undefined || order(key, last) <= 0)
      .sort((a, b) => order(a.key, b.key));
    return { writes, last };
  }
}

const signOf = (reverse: boolean): number => (reverse ? -1 : 1);

/** The transaction's view of a page: the stored pairs, overlaid with its own writes, which are in scan order. */
export function overlay(
  page: ScanPage,
  own: readonly Write[],
  reverse: boolean,
): readonly KvPair[] {
  if (own.length === 0) return page.pairs;
  const sign = signOf(reverse);
  const out: KvPair[] = [];
  let i = 0;
  for (const mutation of own) {
    assert(rangeContains(page.covered, mutation.key), 'a key of the transaction outside the page');
    let order = -1;
    while (i < page.pairs.length) {
      order = sign * compareBytes(page.pairs[i]!.key, mutation.key);
      if (order >= 0) break;
      out.push(page.pairs[i++]!);
    }
    if (order === 0 && i < page.pairs.length) i++;
    if (mutation.kind === 'put') out.push({ key: mutation.key, value: mutation.value });
  }
  for (; i < page.pairs.length; i++) out.push(page.pairs[i]!);
  return out;
}

/**
 * The same, pair by pair and part by part, each with a bounded number of own writes. A key that is locked between two
 * pairs is seen under its lock from then on; one that is written, if its part was not looked at yet.
 */
export function* seenOf(
  page: ScanPage,
  view: TxnView,
  reverse: boolean,
): Generator<KvPair, void, undefined> {
  for (let rest: ScanPage | undefined = page; rest !== undefined; ) {
    const whole: ScanPage = rest;
    const { heldCount } = view;
    const { writes, last } = view.range(whole.covered, reverse);
    const part = last === undefined ? whole : pageUpTo(whole, last, reverse);
    rest = last === undefined ? undefined : pageAfter(whole, last, reverse);
    for (const pair of overlay(part, writes, reverse)) {
      yield pair;
      if (view.heldCount === heldCount) continue;
      rest = pageAfter(whole, pair.key, reverse);
      break;
    }
  }
}

/** The part of a page up to a key, in scan order. */
function pageUpTo({ pairs, covered }: ScanPage, last: Uint8Array, reverse: boolean): ScanPage {
  const sign = signOf(reverse);
  return {
    pairs: pairs.filter(({ key }) => sign * compareBytes(key, last) <= 0),
    covered: reverse
      ? { start: last, end: covered.end }
      : { start: covered.start, end: nextKey(last) },
  };
}

/** The part of a page behind a key, in scan order. */
function pageAfter({ pairs, covered }: ScanPage, last: Uint8Array, reverse: boolean): ScanPage {
  const sign = signOf(reverse);
  return {
    pairs: pairs.filter(({ key }) => sign * compareBytes(key, last) > 0),
    covered: reverse
      ? { start: covered.start, end: last }
      : { start: nextKey(last), end: covered.end },
  };
}
