import { CodecError, compareBytes, TS_MAX, TS_ZERO, toHex } from '@tinykv/base';
import { badBytes, outcomeOf, runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type KeyRange, rangeContains } from './key-range.js';
import {
  type ApiMode,
  applyStateKey,
  expiryKey,
  historyKey,
  locationKey,
  locationOfDataKey,
  lockKey,
  newestKey,
  parseExpiryKey,
  parseHistoryKey,
  parseRawKey,
  parseRecordKey,
  prepareBootstrapKey,
  type RawCf,
  rawKey,
  regionRanges,
  regionStateKey,
  regionStateRange,
  safePointKey,
  storeAddressesKey,
  storeIdentKey,
  userKeyOfBound,
  valueKey,
} from './keys.js';

const userKey = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.array(fc.constantFrom(0, 0xff), { maxLength: 10 }).map((list) => Uint8Array.from(list)),
);
const ts = fc.oneof(
  fc.bigInt({ min: 0n, max: TS_MAX }),
  fc.constantFrom(TS_ZERO, TS_MAX, 1n, TS_MAX - 1n),
);
const api = fc.constantFrom<ApiMode>('txn', 'raw');
const cfs: readonly RawCf[] = ['default', 'lock', 'write'];

function dataKeys(mode: ApiMode, key: Uint8Array, at: bigint): Uint8Array[] {
  return [
    valueKey(key, at),
    historyKey(key, at, 'w'),
    historyKey(key, at, 'r'),
    newestKey(key),
    lockKey(key),
    ...cfs.map((cf) => rawKey(mode, cf, key)),
    ...cfs.map((cf) => expiryKey(cf, key)),
  ];
}

describe('data keys', () => {
  it('sort by user key, then newest first, then rollback before write', () => {
    fc.assert(
      fc.property(userKey, userKey, ts, ts, (a, b, t, u) => {
        const keys = Math.sign(compareBytes(a, b));
        const order = keys === 0 ? Math.sign(Number(u - t)) : keys;
        for (const make of [
          (k: Uint8Array, at: bigint) => valueKey(k, at),
          (k: Uint8Array, at: bigint) => historyKey(k, at, 'w'),
          (k: Uint8Array, at: bigint) => historyKey(k, at, 'r'),
        ]) {
          expect(Math.sign(compareBytes(make(a, t), make(b, u)))).toBe(order);
        }
        for (const make of [newestKey, lockKey]) {
          expect(Math.sign(compareBytes(make(a), make(b)))).toBe(keys);
        }
        expect(compareBytes(historyKey(a, t, 'r'), historyKey(a, t, 'w'))).toBeLessThan(0);
        for (const cf of cfs) {
          for (const mode of ['txn', 'raw'] as const) {
            const [left, right] = [rawKey(mode, cf, a), rawKey(mode, cf, b)];
            expect(Math.sign(compareBytes(left, right))).toBe(keys);
          }
        }
      }),
      runs(500),
    );
  });

  it('are parsed back', () => {
    fc.assert(
      fc.property(userKey, ts, api, (key, at, mode) => {
        expect(parseHistoryKey(historyKey(key, at, 'w'))).toEqual({
          userKey: key,
          ts: at,
          tag: 'w',
        });
        expect(parseHistoryKey(historyKey(key, at, 'r'))).toEqual({
          userKey: key,
          ts: at,
          tag: 'r',
        });
        expect(parseRecordKey(lockKey(key))).toEqual(key);
        expect(parseRecordKey(newestKey(key))).toEqual(key);
        for (const cf of cfs) expect(parseRawKey(mode, rawKey(mode, cf, key))).toEqual(key);
        for (const cf of cfs) expect(parseExpiryKey(expiryKey(cf, key))).toEqual({ cf, key });
        expect(userKeyOfBound(mode, locationKey(mode, key))).toEqual(key);
      }),
    );
  });

  it('of the wrong shape are refused', () => {
    const key = Uint8Array.of(1);
    const history = historyKey(key, 5n, 'w');
    const tag = Uint8Array.from(history);
    tag[tag.length - 1] = 0x78;
    const bad = [lockKey(key), history.subarray(0, 12), Uint8Array.from([...history, 0]), tag];
    for (const at of bad) expect(() => parseHistoryKey(at)).toThrow(CodecError);
    expect(() => parseRecordKey(history)).toThrow(CodecError);
  });

  it('are refused with a CodecError when damaged, or are whole keys again', () => {
    const any = fc
      .tuple(userKey, ts, api, fc.nat(10))
      .map(([key, at, mode, i]) => dataKeys(mode, key, at)[i]!);
    fc.assert(
      fc.property(badBytes(any), api, (bad, mode) => {
        const history = outcomeOf(() => parseHistoryKey(bad), CodecError);
        if (history.type === 'value') {
          const { userKey: key, ts: at, tag } = history.value;
          expect(toHex(historyKey(key, at, tag))).toBe(toHex(bad));
        }
        const record = outcomeOf(() => parseRecordKey(bad), CodecError);
        if (record.type === 'value') {
          expect(toHex(lockKey(record.value).subarray(1))).toBe(toHex(bad.subarray(1)));
        }
        const raw = outcomeOf(() => parseRawKey(mode, bad), CodecError);
        if (raw.type === 'value' && mode === 'raw') {
          expect(toHex(rawKey(mode, 'default', raw.value).subarray(2))).toBe(
            toHex(bad.subarray(2)),
          );
        }
        outcomeOf(() => parseExpiryKey(bad), CodecError);
        outcomeOf(() => locationOfDataKey(mode, bad), CodecError);
        outcomeOf(() => userKeyOfBound(mode, bad), CodecError);
      }),
      runs(500),
    );
  });

  it('lie in the ranges of the Region that has their location, and of no other', () => {
    fc.assert(
      fc.property(userKey, userKey, userKey, ts, api, (key, a, b, at, mode) => {
        const bound = (k: Uint8Array): Uint8Array => (k.length === 0 ? k : locationKey(mode, k));
        const region: KeyRange = { start: bound(a), end: bound(b) };
        const inside = rangeContains(region, locationKey(mode, key));
        const ranges = regionRanges(mode, region);
        for (const at_ of dataKeys(mode, key, at)) {
          expect(ranges.filter((range) => rangeContains(range, at_)).length).toBe(inside ? 1 : 0);
          expect(toHex(locationOfDataKey(mode, at_))).toBe(toHex(locationKey(mode, key)));
        }
      }),
      runs(500),
    );
  });

  it('lie in ranges that never overlap and come in order', () => {
    fc.assert(
      fc.property(api, userKey, (mode, key) => {
        const start = key.length === 0 ? key : locationKey(mode, key);
        const ranges = regionRanges(mode, { start, end: new Uint8Array(0) });
        for (const [i, range] of ranges.entries()) {
          const next = ranges[i + 1];
          if (next) expect(compareBytes(range.end, next.start)).toBeLessThanOrEqual(0);
        }
      }),
    );
  });
});

describe('local keys', () => {
  it('lie before all data and apart from one another', () => {
    const first = regionRanges('txn', { start: new Uint8Array(0), end: new Uint8Array(0) })[0]!;
    const ids = [1, 2, 255, 256, 2 ** 32, Number.MAX_SAFE_INTEGER];
    const keys = [
      storeIdentKey,
      prepareBootstrapKey,
      ...ids.map(regionStateKey),
      ...ids.map(applyStateKey),
      safePointKey,
      storeAddressesKey,
    ];
    expect(new Set(keys.map(toHex)).size).toBe(keys.length);
    for (const key of keys) expect(compareBytes(key, first.start)).toBeLessThan(0);
    for (const id of ids) {
      expect(rangeContains(regionStateRange, regionStateKey(id))).toBe(true);
      expect(rangeContains(regionStateRange, applyStateKey(id))).toBe(false);
    }
    expect(keys.map(toHex)).toEqual(keys.map(toHex).sort());
  });
});
