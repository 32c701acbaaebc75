import { ByteWriter, CodecError, crc32 } from '@tinykv/base';
import { bitFlips, outcomeOf, runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decodeNewest, encodeNewest, type NewestRecord } from './mvcc-records.js';
import { NewestView, splitTs } from './newest-view.js';

const bytes = fc.uint8Array({ maxLength: 200 });
const ts = fc.oneof(
  fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
  fc.bigInt({ min: 0xffff_fff0n, max: 0x1_0000_0010n }),
);
const record: fc.Arbitrary<NewestRecord> = fc.record({
  write: fc.option(
    fc.record({
      kind: fc.constantFrom('put' as const, 'delete' as const, 'lock' as const),
      startTs: ts,
      commitTs: ts,
      shortValue: fc.option(bytes, { nil: undefined }),
    }),
    { nil: undefined },
  ),
  otherTs: ts,
});

const view = new NewestView();

/** The questions of a scan, answered by the view. */
function viewed(key: Uint8Array, sealed: Uint8Array, at: bigint): unknown {
  view.read(key, sealed);
  if (!view.hasWrite) return undefined;
  const { isPut, valueFrom, valueTo } = view;
  const value = valueFrom < 0 ? undefined : sealed.slice(valueFrom, valueTo);
  return { isPut, value, isAfter: view.isAfter(splitTs(at)) };
}

/** The same by the decoder. */
function decoded(key: Uint8Array, sealed: Uint8Array, at: bigint): unknown {
  const { write } = decodeNewest(key, sealed);
  if (write === undefined) return undefined;
  const { kind, shortValue, commitTs } = write;
  const value = shortValue && Uint8Array.from(shortValue);
  return { isPut: kind === 'put', value, isAfter: commitTs > at };
}

it('a newest record read in place is what its decoder makes of it', () => {
  fc.assert(
    fc.property(bytes, record, ts, (key, stored, at) => {
      const sealed = encodeNewest(key, stored);
      for (const point of [at, stored.write?.commitTs ?? at]) {
        expect(viewed(key, sealed, point)).toEqual(decoded(key, sealed, point));
      }
    }),
    runs(300),
  );
});

it('a damaged newest record is refused in place as its decoder refuses it', () => {
  fc.assert(
    fc.property(bytes, record, (key, stored) => {
      const sealed = encodeNewest(key, stored);
      for (const damaged of bitFlips(sealed)) {
        const seen = outcomeOf(() => viewed(key, damaged, 5n), CodecError);
        expect(seen).toEqual(outcomeOf(() => decoded(key, damaged, 5n), CodecError));
      }
    }),
    runs(20),
  );
});

it('bytes under a right checksum that no encoder wrote are read, or refused, as by the decoder', () => {
  const body = fc.oneof(
    bytes,
    record.map((stored) => encodeNewest(new Uint8Array(0), stored).slice(0, -4)),
    fc.tuple(record, bytes).map(([stored, more]) => {
      const whole = encodeNewest(new Uint8Array(0), stored).slice(0, -4);
      return Uint8Array.from([...whole, ...more]);
    }),
  );
  fc.assert(
    fc.property(bytes, body, fc.nat(7), (key, content, flags) => {
      const changed = Uint8Array.from(content);
      if (changed.length > 0) changed[0] = flags;
      const sealed = new ByteWriter()
        .raw(changed)
        .u32(crc32(changed, crc32(key)))
        .finish();
      const seen = outcomeOf(() => viewed(key, sealed, 5n), CodecError);
      expect(seen).toEqual(outcomeOf(() => decoded(key, sealed, 5n), CodecError));
    }),
    runs(500),
  );
});
