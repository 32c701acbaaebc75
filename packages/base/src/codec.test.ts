import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvariantError } from './assert.js';
import { ByteReader, ByteWriter, CodecError } from './codec.js';
import { runs } from './testing/fuzz.js';
import { TS_MAX } from './timestamp.js';

type Field =
  | readonly ['u8' | 'u16' | 'u32' | 'u64' | 'varint', number]
  | readonly ['timestamp', bigint]
  | readonly ['bytes', Uint8Array];

const number = (kind: 'u8' | 'u16' | 'u32' | 'u64' | 'varint', max: number): fc.Arbitrary<Field> =>
  fc.oneof(fc.nat(Math.min(max, 0x7fff_ffff)), fc.constantFrom(0, max)).map((n) => [kind, n]);
const safe = fc.maxSafeNat();
const field: fc.Arbitrary<Field> = fc.oneof(
  number('u8', 0xff),
  number('u16', 0xffff),
  number('u32', 0xffff_ffff),
  fc.oneof(safe, fc.constant(Number.MAX_SAFE_INTEGER)).map((n): Field => ['u64', n]),
  fc.oneof(safe, fc.nat(300)).map((n): Field => ['varint', n]),
  fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }).map((n): Field => ['timestamp', n]),
  fc.uint8Array({ maxLength: 300 }).map((b): Field => ['bytes', b]),
);

function write(w: ByteWriter, [kind, value]: Field): void {
  if (kind === 'bytes') w.bytes(value);
  else if (kind === 'timestamp') w.timestamp(value);
  else w[kind](value);
}

describe('ByteWriter and ByteReader', () => {
  it('carry any fields in order, in a buffer that grows', () => {
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const w = new ByteWriter(1);
        for (const f of fields) write(w, f);
        const r = new ByteReader(w.finish());
        for (const [kind, value] of fields) expect(r[kind]()).toEqual(value);
        r.end();
      }),
      runs(300),
    );
  });

  it('refuse every cut', () => {
    fc.assert(
      fc.property(field, fc.nat(), (f, n) => {
        const w = new ByteWriter();
        write(w, f);
        const whole = w.finish();
        const r = new ByteReader(whole.subarray(0, n % whole.length));
        expect(() => r[f[0]]()).toThrow(CodecError);
      }),
    );
  });

  it('refuse numbers that JavaScript would round', () => {
    const over = new ByteReader(Uint8Array.of(0, 0x20, 0, 0, 0, 0, 0, 0));
    expect(() => over.u64()).toThrow(/2\^53/);
    const varint = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f);
    expect(() => new ByteReader(varint).varint()).toThrow(/2\^53/);
    expect(() => new ByteReader(new Uint8Array(9).fill(0x80)).varint()).toThrow(/longer/);
  });

  it('write big-endian, so that bytes sort as numbers do', () => {
    const w = new ByteWriter().u16(0x0102).u32(0x03040506).u64(0x0708).timestamp(9n);
    expect([...w.finish()]).toEqual([
      1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 9,
    ]);
  });

  it('patch, reset and read the rest', () => {
    const w = new ByteWriter(2).u32(0).raw(Uint8Array.of(7, 8));
    expect(w.length).toBe(6);
    const r = new ByteReader(w.patchU32(0, 0xdead_beef).finish());
    expect(r.u32()).toBe(0xdead_beef);
    expect(() => r.end()).toThrow('2 trailing bytes');
    expect([r.offset, r.remaining]).toEqual([4, 2]);
    expect([...r.rest()]).toEqual([7, 8]);
    expect(w.reset().u8(1).finish()).toEqual(Uint8Array.of(1));
  });

  it('refuses to write what its field cannot carry', () => {
    const w = new ByteWriter();
    for (const value of [-1, 0.5, Number.NaN, 2 ** 53]) {
      for (const kind of ['u8', 'u16', 'u32', 'u64', 'varint'] as const) {
        expect(() => w[kind](value)).toThrow(InvariantError);
      }
    }
    expect(() => w.u8(0x100)).toThrow('256 in a field of 8 bits');
    expect(() => w.u16(0x1_0000)).toThrow(InvariantError);
    expect(() => w.u32(2 ** 32)).toThrow(InvariantError);
    expect(() => w.timestamp(TS_MAX + 1n)).toThrow('18446744073709551616 is not a timestamp');
    expect(() => w.timestamp(-1n)).toThrow(InvariantError);
    expect(() => w.u32(0).patchU32(0, -1)).toThrow(InvariantError);
    expect([...w.reset().timestamp(TS_MAX).finish()]).toEqual(Array.from({ length: 8 }, () => 255));
  });
});
