import { ByteReader, ByteWriter, CodecError, toHex } from '@tinykv/base';
import { badBytes, outcomeOf, runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expiryKey, historyKey, lockKey, newestKey, rawKey, valueKey } from './keys.js';
import { applyModify, type Modify, modifiesBytes } from './modify.js';
import { decodeModify, encodeModify } from './modify-codec.js';
import { sealValue } from './mvcc-records.js';
import { sealExpiring, sealExpiry } from './raw-records.js';

const bytes = fc.uint8Array({ maxLength: 20 });
const longValue = fc.option(fc.uint8Array({ minLength: 1, maxLength: 20 }), { nil: undefined });
const ts = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
const cf = fc.constantFrom('default', 'lock', 'write');
const is = <T extends string>(type: T): fc.Arbitrary<T> => fc.constant(type);
const record = fc.uint8Array({ minLength: 1, maxLength: 20 });

const modify: fc.Arbitrary<Modify> = fc.oneof(
  fc.record({ type: is('raw-put'), cf, key: bytes, value: bytes }),
  fc.record({ type: is('raw-delete'), cf, key: bytes }),
  fc.record({
    type: is('raw-put-expiring'),
    cf,
    key: bytes,
    value: bytes,
    expiresAt: fc.maxSafeNat(),
  }),
  fc.record({ type: is('raw-expire'), cf, key: bytes, dropValue: fc.boolean() }),
  fc.record({ type: is('lock'), key: bytes, startTs: ts, lock: record, longValue }),
  fc.record({ type: is('unlock'), key: bytes, startTs: ts, dropValue: fc.boolean() }),
  fc.record({
    type: is('commit'),
    key: bytes,
    startTs: ts,
    unlock: fc.boolean(),
    newest: fc.option(record, { nil: undefined }),
    history: fc.option(fc.record({ ts, record }), { nil: undefined }),
    longValue,
  }),
  fc.record({
    type: is('rollback'),
    key: bytes,
    startTs: ts,
    unlock: fc.boolean(),
    dropValue: fc.boolean(),
    newest: record,
    record,
  }),
  fc.record({
    type: is('collect'),
    key: bytes,
    safePoint: ts,
    writes: fc.array(ts, { maxLength: 5 }),
    rollbacks: fc.array(ts, { maxLength: 5 }),
    values: fc.array(ts, { maxLength: 5 }),
    newest: fc.boolean(),
  }),
);

function encode(m: Modify): Uint8Array {
  const w = new ByteWriter(1);
  encodeModify(w, m);
  return w.finish().slice();
}

/** What a modify does to an engine, one line for each change. */
function effects(m: Modify): string[] {
  const out: string[] = [];
  applyModify('txn', m, {
    put: (key, value) => out.push(`put ${toHex(key)} ${toHex(value)}`),
    delete: (key) => out.push(`delete ${toHex(key)}`),
  });
  return out;
}

describe('modifies', () => {
  it('come back as they were, back to back', () => {
    fc.assert(
      fc.property(fc.array(modify, { maxLength: 5 }), (list) => {
        const w = new ByteWriter();
        for (const m of list) encodeModify(w, m);
        const r = new ByteReader(w.finish());
        expect(list.map(() => decodeModify(r))).toEqual(list);
        r.end();
      }),
      runs(500),
    );
  });

  it('are refused when cut', () => {
    fc.assert(
      fc.property(modify, fc.nat(), (m, n) => {
        const encoded = encode(m);
        const cut = encoded.subarray(0, n % encoded.length);
        expect(() => decodeModify(new ByteReader(cut))).toThrow(CodecError);
      }),
    );
  });

  it('of bad bytes are refused, the same way each time, or are modifies', () => {
    fc.assert(
      fc.property(badBytes(modify.map(encode)), (bad) => {
        const outcome = outcomeOf(() => decodeModify(new ByteReader(bad)), CodecError);
        if (outcome.type === 'refused') return;
        expect(decodeModify(new ByteReader(encode(outcome.value)))).toEqual(outcome.value);
        // Whatever it says, its place is under data keys: the store's own records are out of reach.
        for (const line of effects(outcome.value)) expect(line).toMatch(/^(put|delete) (6|7)/);
      }),
      runs(500),
    );
  });

  it('of an unknown type or column family are refused', () => {
    const type = encode({ type: 'raw-delete', cf: 'write', key: Uint8Array.of(1) });
    const family = Uint8Array.from(type);
    type[0] = 99;
    family[family.length - 1] = 3;
    for (const bad of [type, family]) {
      expect(() => decodeModify(new ByteReader(bad))).toThrow(CodecError);
    }
  });

  it('never encode to more than their estimate', () => {
    fc.assert(
      fc.property(fc.array(modify), (list) => {
        const encoded = list.reduce((sum, m) => sum + encode(m).length, 0);
        expect(encoded).toBeLessThanOrEqual(modifiesBytes(list));
      }),
    );
  });
});

describe('the layout', () => {
  const key = Uint8Array.of(7);
  const x = Uint8Array.of(1);
  const y = Uint8Array.of(2);
  const put = (at: Uint8Array, value: Uint8Array): string => `put ${toHex(at)} ${toHex(value)}`;
  const del = (at: Uint8Array): string => `delete ${toHex(at)}`;
  const long = (ts: bigint): string => put(valueKey(key, ts), sealValue(valueKey(key, ts), y));

  it('of raw keys', () => {
    const at = rawKey('txn', 'lock', key);
    expect(effects({ type: 'raw-put', cf: 'lock', key, value: x })).toEqual([
      put(at, sealValue(at, x)),
    ]);
    expect(effects({ type: 'raw-delete', cf: 'lock', key })).toEqual([del(at)]);
  });

  it('of raw keys with a time to live, which leave no trace when they expire', () => {
    const at = rawKey('txn', 'write', key);
    const expiry = expiryKey('write', key);
    const expiring = {
      type: 'raw-put-expiring',
      cf: 'write',
      key,
      value: x,
      expiresAt: 9,
    } as const;
    expect(effects(expiring)).toEqual([
      put(at, sealExpiring(at, x, 9)),
      put(expiry, sealExpiry(expiry, 9)),
    ]);
    const expire = { type: 'raw-expire', cf: 'write', key } as const;
    expect(effects({ ...expire, dropValue: true })).toEqual([del(at), del(expiry)]);
    expect(effects({ ...expire, dropValue: false })).toEqual([del(expiry)]);
  });

  it('of a lock and its end', () => {
    expect(effects({ type: 'lock', key, startTs: 5n, lock: x, longValue: y })).toEqual([
      long(5n),
      put(lockKey(key), x),
    ]);
    expect(effects({ type: 'unlock', key, startTs: 5n, dropValue: true })).toEqual([
      del(lockKey(key)),
      del(valueKey(key, 5n)),
    ]);
  });

  it('of a commit', () => {
    const history = { ts: 3n, record: y };
    const commit = { type: 'commit', key, startTs: 5n, unlock: true, newest: x, history } as const;
    expect(effects({ ...commit, longValue: y })).toEqual([
      long(5n),
      put(historyKey(key, 3n, 'w'), y),
      put(newestKey(key), x),
      del(lockKey(key)),
    ]);
    const bare = { ...commit, unlock: false, newest: undefined, longValue: undefined };
    expect(effects(bare)).toEqual([put(historyKey(key, 3n, 'w'), y)]);
  });

  it('of a rollback', () => {
    const rollback = { type: 'rollback', key, startTs: 5n, newest: x, record: y } as const;
    expect(effects({ ...rollback, unlock: true, dropValue: true })).toEqual([
      put(historyKey(key, 5n, 'r'), y),
      put(newestKey(key), x),
      del(valueKey(key, 5n)),
      del(lockKey(key)),
    ]);
    expect(effects({ ...rollback, unlock: false, dropValue: false })).toHaveLength(2);
  });
});
