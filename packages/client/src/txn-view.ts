import { assert, compareBytes, keyString, nextKey } from '@tinykv/base';
import { type KeyRange, rangeContains } from '@tinykv/model';
import type { HeldKeys } from './held-keys.js';
import type { KvPair, ScanPage } from './range-scan.js';
import type { TxnBuffer, Write } from './txn-buffer.js';

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

  /** In key order. */
  range(range: KeyRange): readonly Write[] {
    const own = this.#buffer.range(range);
    const held = this.#held?.range(range) ?? [];
    if (held.length === 0) return own;
    if (own.length === 0) return held;
    const byName = new Map([...held, ...own].map((write) => [keyString(write.key), write]));
    return [...byName.values()].sort((a, b) => compareBytes(a.key, b.key));
  }
}

/** What the transaction sees of a page: the stored pairs, overlaid with what it sees in their place. */
export function overlay(
  page: ScanPage,
  view: Pick<TxnView, 'range'>,
  reverse: boolean,
): readonly KvPair[] {
  const found = view.range(page.covered);
  if (found.length === 0) return page.pairs;
  const own = reverse ? found.toReversed() : found;
  const sign = reverse ? -1 : 1;
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

/** The same, pair by pair: a key that is locked between two pairs is seen under its lock from then on. */
export function* seenOf(
  page: ScanPage,
  view: TxnView,
  reverse: boolean,
): Generator<KvPair, void, undefined> {
  let { heldCount } = view;
  let pairs = overlay(page, view, reverse);
  for (let i = 0; i < pairs.length; ) {
    const pair = pairs[i++]!;
    yield pair;
    if (view.heldCount === heldCount) continue;
    ({ heldCount } = view);
    pairs = overlay(pageAfter(page, pair.key, reverse), view, reverse);
    i = 0;
  }
}

/** The part of a page behind a key, in scan order. */
function pageAfter({ pairs, covered }: ScanPage, last: Uint8Array, reverse: boolean): ScanPage {
  const sign = reverse ? -1 : 1;
  return {
    pairs: pairs.filter(({ key }) => sign * compareBytes(key, last) > 0),
    covered: reverse
      ? { start: covered.start, end: last }
      : { start: nextKey(last), end: covered.end },
  };
}
