import { CodecError, concatBytes, toHex, utf8 } from '@tinykv/base';
import { badBytes, outcomeOf, runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeGcItem, encodeGcItem, type GcItem } from './gc-codec.js';
import {
  databasePrefix,
  dataKey,
  epochKey,
  gatewayKey,
  gcKey,
  isMetaKey,
  layoutKey,
  metaKey,
  objectId,
  parseGcKey,
  parseTtlKey,
  slotOfMeta,
  ttlKey,
  userKeyOfMeta,
} from './keys.js';
import { decodeMeta, encodeMeta, makeMeta } from './meta-codec.js';
import { crc16, slotOf } from './slot.js';

describe('slots', () => {
  test('CRC-16/XMODEM and the hash tag, as Redis Cluster', () => {
    expect(crc16(utf8('123456789'))).toBe(0x31c3);
    expect(slotOf(utf8('foo'))).toBe(12_182);
    expect(slotOf(utf8('{user1000}.following'))).toBe(slotOf(utf8('{user1000}.followers')));
    expect(slotOf(utf8('foo{}{bar}'))).toBe(crc16(utf8('foo{}{bar}')) & 16_383);
    expect(slotOf(utf8('foo{{bar}}zap'))).toBe(slotOf(utf8('{bar')));
    expect(slotOf(utf8('foo{bar}{zap}'))).toBe(slotOf(utf8('bar')));
  });
});

describe('layout, byte by byte', () => {
  const prefix = databasePrefix(1, 2, 3);
  const id = objectId(0x0102030405060708n, 9);

  test('prefix: R, instance, db, epoch', () => {
    expect(toHex(prefix)).toBe('52' + '00000001' + '0002' + '00000003');
  });

  test('meta: P m slot 00 key', () => {
    const key = metaKey(prefix, utf8('foo'));
    expect(toHex(key)).toBe(`${toHex(prefix)}6d2f9600666f6f`);
    expect(isMetaKey(key)).toBe(true);
    expect(slotOfMeta(key)).toBe(12_182);
    expect(userKeyOfMeta(key)).toEqual(utf8('foo'));
  });

  test('data: P d hash id10 tag suffix', () => {
    const key = toHex(dataKey(prefix, id, 'c', Uint8Array.of(0, 0, 0, 7)));
    expect(key.slice(0, 24)).toBe(`${toHex(prefix)}64`);
    expect(key.slice(26)).toBe('01020304050607080009' + '63' + '00000007');
  });

  test('ttl: P m slot 01 expireAt key', () => {
    const key = ttlKey(prefix, 1_700_000_000_123n, utf8('foo'));
    expect(toHex(key)).toBe(`${toHex(prefix)}6d2f9601${'0000018bcfe5687b'}666f6f`);
    expect(isMetaKey(key)).toBe(false);
    expect(slotOfMeta(key)).toBe(slotOf(utf8('foo')));
    expect(parseTtlKey(key)).toEqual({ expireAtMs: 1_700_000_000_123n, userKey: utf8('foo') });
  });

  test('records of the instance', () => {
    expect(toHex(gcKey(1, 5n, id))).toBe(`520000000167${'0000000000000005'}${toHex(id)}`);
    expect(parseGcKey(gcKey(1, 5n, id))).toEqual({ enqueueTs: 5n, id });
    expect(toHex(epochKey(1, 2))).toBe('520000000145' + '0002');
    expect(toHex(layoutKey(1))).toBe('52000000014c');
    expect(toHex(gatewayKey(1, Uint8Array.of(0xaa)))).toBe('520000000147' + 'aa');
  });

  test('meta record: type|flags, format, id unless inline, expiry when flagged, body', () => {
    const inline = makeMeta('string', utf8('v'), undefined);
    expect(toHex(encodeMeta(inline))).toBe('81' + '01' + '76');
    const withTtl = makeMeta('string', utf8('v'), 5n);
    expect(toHex(encodeMeta(withTtl))).toBe('a1' + '01' + '0000000000000005' + '76');
    const large = makeMeta('string', utf8('v'), undefined, id);
    expect(toHex(encodeMeta(large))).toBe(`0101${toHex(id)}76`);
    for (const meta of [inline, withTtl, large]) expect(decodeMeta(encodeMeta(meta))).toEqual(meta);
  });

  test('a record of another format is refused', () => {
    expect(() => decodeMeta(Uint8Array.of(0x81, 0x02))).toThrow('format 2');
    expect(() => decodeMeta(Uint8Array.of(0x8f, 0x01))).toThrow('type byte');
    expect(() => decodeMeta(new Uint8Array(0))).toThrow();
  });
});

describe('records and keys of any content', () => {
  const bytes = fc.uint8Array({ maxLength: 20 });
  const expireAtMs = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n });
  const id = fc.uint8Array({ minLength: 10, maxLength: 10 });
  const optional = <T>(some: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
    fc.option(some, { nil: undefined });
  const meta = fc
    .tuple(fc.constantFrom('string', 'hash', 'stream'), bytes, optional(expireAtMs), optional(id))
    .map(([type, body, at, of]) => makeMeta(type, body, at, of));
  const gcItem: fc.Arbitrary<GcItem> = fc.record({
    kind: fc.constantFrom('object', 'epoch'),
    db: fc.nat(0xffff),
    epoch: fc.nat(0xffff_ffff),
    cursor: bytes,
  });

  test('come back as they were', () => {
    fc.assert(
      fc.property(meta, gcItem, bytes, expireAtMs, (m, item, key, at) => {
        expect(decodeMeta(encodeMeta(m))).toEqual(m);
        expect(decodeGcItem(encodeGcItem(item))).toEqual(item);
        const prefix = databasePrefix(1, item.db, item.epoch);
        expect(userKeyOfMeta(metaKey(prefix, key))).toEqual(key);
        expect(slotOfMeta(metaKey(prefix, key))).toBe(slotOf(key));
        expect(parseTtlKey(ttlKey(prefix, at, key))).toEqual({ expireAtMs: at, userKey: key });
      }),
      runs(200),
    );
  });

  test('ttl keys of a slot sort by time, whatever their keys', () => {
    fc.assert(
      fc.property(bytes, bytes, expireAtMs, expireAtMs, (a, b, t, u) => {
        const prefix = databasePrefix(1, 0, 0);
        if (t === u) return;
        const [first, second] = [a, b].map((key) => concatBytes(utf8('{t}'), key));
        const order = Buffer.compare(ttlKey(prefix, t, first!), ttlKey(prefix, u, second!));
        expect(order).toBe(t < u ? -1 : 1);
      }),
    );
  });

  test('when damaged are refused or are records again', () => {
    const good = fc.oneof(meta.map(encodeMeta), gcItem.map(encodeGcItem));
    fc.assert(
      fc.property(badBytes(good), (bad) => {
        const decoded = outcomeOf(() => decodeMeta(bad), CodecError);
        if (decoded.type === 'value') {
          expect(decodeMeta(encodeMeta(decoded.value))).toEqual(decoded.value);
        }
        const item = outcomeOf(() => decodeGcItem(bad), CodecError);
        if (item.type === 'value') expect(encodeGcItem(item.value)).toEqual(bad);
      }),
      runs(300),
    );
  });
});
