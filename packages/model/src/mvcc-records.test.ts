import { CodecError, EMPTY_BYTES } from '@tinykv/base';
import { badBytes, bitFlips, outcomeOf, runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkRollback,
  decodeHistoryWrite,
  decodeLock,
  decodeNewest,
  encodeHistoryWrite,
  encodeLock,
  encodeNewest,
  encodeRollback,
  type LockRecord,
  type NewestRecord,
  sealValue,
  unsealValue,
  type WriteRecord,
} from './mvcc-records.js';

const bytes = fc.uint8Array({ maxLength: 30 });
const ts = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });
const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });

const lock: fc.Arbitrary<LockRecord> = fc.record({
  kind: fc.constantFrom('put', 'delete', 'lock', 'pessimistic'),
  primary: bytes,
  startTs: ts,
  ttlMs: fc.maxSafeNat(),
  forUpdateTs: ts,
  minCommitTs: ts,
  secondaries: optional(fc.array(bytes, { maxLength: 4 })),
  shortValue: optional(bytes),
});
const write: fc.Arbitrary<WriteRecord> = fc.record({
  kind: fc.constantFrom('put', 'delete', 'lock'),
  startTs: ts,
  commitTs: ts,
  shortValue: optional(bytes),
});
const newest: fc.Arbitrary<NewestRecord> = fc.record({ write: optional(write), otherTs: ts });

interface Codec<T> {
  readonly encode: (key: Uint8Array, value: T) => Uint8Array;
  readonly decode: (key: Uint8Array, sealed: Uint8Array) => T;
}

/** Asked thousands of times, where `toThrow` is slow. */
function refuses(decode: () => unknown): boolean {
  return outcomeOf(decode, CodecError).type === 'refused';
}

function suite<T>(name: string, values: fc.Arbitrary<T>, { encode, decode }: Codec<T>): void {
  describe(name, () => {
    it('comes back as it was', () => {
      fc.assert(
        fc.property(bytes, values, (key, value) => {
          expect(decode(key, encode(key, value))).toEqual(value);
        }),
        runs(300),
      );
    });

    it('is refused with any one bit flipped, of its bytes or its key', () => {
      fc.assert(
        fc.property(bytes, values, (key, value) => {
          const sealed = encode(key, value);
          for (const bad of bitFlips(sealed)) expect(refuses(() => decode(key, bad))).toBe(true);
          for (const bad of bitFlips(key)) expect(refuses(() => decode(bad, sealed))).toBe(true);
        }),
        runs(10),
      );
    });

    it('of bad bytes under a good checksum is refused, or is a record', () => {
      const body = values.map((value) => encode(EMPTY_BYTES, value).slice(0, -4));
      fc.assert(
        fc.property(bytes, badBytes(body), (key, bad) => {
          const outcome = outcomeOf(() => decode(key, sealValue(key, bad)), CodecError);
          if (outcome.type === 'value') {
            expect(decode(key, encode(key, outcome.value))).toEqual(outcome.value);
          }
        }),
        runs(200),
      );
    });

    it('is refused when cut, and under another key', () => {
      fc.assert(
        fc.property(bytes, values, fc.nat(), (key, value, n) => {
          const sealed = encode(key, value);
          expect(() => decode(key, sealed.subarray(0, n % sealed.length))).toThrow(CodecError);
          expect(() => decode(Uint8Array.from([...key, 0]), sealed)).toThrow(CodecError);
        }),
      );
    });
  });
}

suite('a lock', lock, { encode: encodeLock, decode: decodeLock });
suite('a newest record', newest, { encode: encodeNewest, decode: decodeNewest });
suite('a history write', write, { encode: encodeHistoryWrite, decode: decodeHistoryWrite });
suite('a rollback', fc.constant(undefined), { encode: encodeRollback, decode: checkRollback });
suite('a value', bytes, { encode: sealValue, decode: unsealValue });

describe('a write record of any length', () => {
  it('fills the memory that it holds', () => {
    const key = new Uint8Array(9);
    for (const length of [0, 1, 127, 128, 1_024, 16_383, 16_384]) {
      const shortValue = new Uint8Array(length);
      const record: WriteRecord = { kind: 'put', startTs: 1n, commitTs: 2n, shortValue };
      const head = length < 128 ? 19 : length < 16_384 ? 20 : 21;
      const history = encodeHistoryWrite(key, record);
      const newestRecord = encodeNewest(key, { write: record, otherTs: 3n });
      expect(history.length).toBe(head + length + 4);
      expect(newestRecord.length).toBe(9 + head + length + 4);
      expect(history.buffer.byteLength).toBe(history.length);
      expect(newestRecord.buffer.byteLength).toBe(newestRecord.length);
    }
  });
});
