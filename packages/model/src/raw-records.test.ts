import { CodecError } from '@tinykv/base';
import { badBytes, bitFlips, outcomeOf, runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expiryKey, rawKey } from './keys.js';
import { sealValue, unsealValue } from './mvcc-records.js';
import { checkRecord, openExpiry, openRaw, sealExpiring, sealExpiry } from './raw-records.js';

const bytes = fc.uint8Array({ maxLength: 30 });
const expiresAt = fc.maxSafeNat();
const refuses = (read: () => unknown): boolean => outcomeOf(read, CodecError).type === 'refused';

describe('a raw record', () => {
  it('comes back as it was, with and without an expiry; one of an older build never expires', () => {
    fc.assert(
      fc.property(bytes, bytes, expiresAt, (key, value, at) => {
        expect(openRaw(key, sealExpiring(key, value, at))).toEqual({ value, expiresAt: at });
        expect(openRaw(key, sealValue(key, value))).toEqual({ value, expiresAt: undefined });
      }),
      runs(500),
    );
  });

  it('that expires is damaged to a build that knows no expiry, never a longer value', () => {
    fc.assert(
      fc.property(bytes, bytes, expiresAt, (key, value, at) => {
        expect(refuses(() => unsealValue(key, sealExpiring(key, value, at)))).toBe(true);
      }),
      runs(500),
    );
  });

  it('is refused with any one bit flipped, of its bytes or its key, in either form', () => {
    fc.assert(
      fc.property(bytes, bytes, expiresAt, (key, value, at) => {
        for (const sealed of [sealExpiring(key, value, at), sealValue(key, value)]) {
          for (const bad of bitFlips(sealed)) expect(refuses(() => openRaw(key, bad))).toBe(true);
          for (const bad of bitFlips(key)) expect(refuses(() => openRaw(bad, sealed))).toBe(true);
        }
      }),
      runs(100),
    );
  });

  it('of bad bytes is refused, or is what was written', () => {
    const key = Uint8Array.of(1, 2);
    const sealed = fc.tuple(bytes, expiresAt).map(([value, at]) => sealExpiring(key, value, at));
    let refused = 0;
    fc.assert(
      fc.property(badBytes(sealed), (bad) => {
        const outcome = outcomeOf(() => openRaw(key, bad), CodecError);
        if (outcome.type === 'refused') {
          refused++;
          return;
        }
        const { value, expiresAt: at } = outcome.value;
        const again = at === undefined ? sealValue(key, value) : sealExpiring(key, value, at);
        expect(again).toEqual(bad);
      }),
      runs(500),
    );
    expect(refused).toBeGreaterThan(100);
  });
});

it('the record of an expiry comes back as it was, and is refused when damaged', () => {
  fc.assert(
    fc.property(bytes, expiresAt, (key, at) => {
      const sealed = sealExpiry(key, at);
      expect(openExpiry(key, sealed)).toBe(at);
      for (const bad of bitFlips(sealed)) expect(refuses(() => openExpiry(key, bad))).toBe(true);
    }),
    runs(100),
  );
});

it('records of both families pass the check of a snapshot', () => {
  const key = rawKey('txn', 'lock', Uint8Array.of(1));
  const expiry = expiryKey('lock', Uint8Array.of(1));
  const value = Uint8Array.of(7);
  checkRecord(key, sealExpiring(key, value, 5));
  checkRecord(key, sealValue(key, value));
  checkRecord(expiry, sealExpiry(expiry, 5));
  expect(() => checkRecord(expiry, sealExpiring(expiry, value, 5))).toThrow(CodecError);
  expect(() => checkRecord(key, value)).toThrow(CodecError);
});
