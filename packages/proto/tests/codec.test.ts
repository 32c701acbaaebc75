import { badBytes, outcomeOf, runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, test } from 'vitest';
import type { FieldPlan } from '../scripts/fields.js';
import { ProtoError } from '../src/index.js';
import { type AnyCodec, type AnyMessage, allCodecs, reflectionOf } from './codecs.js';
import { arbitraryMessage, fullMessage, long, plansOf, toReflection } from './messages.js';

const RUNS = runs(25);

function eachField(kinds: readonly FieldPlan['kind'][]): [string, AnyCodec, FieldPlan][] {
  return allCodecs.flatMap((codec) =>
    plansOf(reflectionOf(codec))
      .filter((plan) => kinds.includes(plan.kind))
      .map((plan): [string, AnyCodec, FieldPlan] => [plan.fullName, codec, plan]),
  );
}

function withUnknownFields(bytes: Uint8Array): Uint8Array {
  const writer = new protobuf.Writer();
  writer.uint32((5000 << 3) | 0).uint64(long(2n ** 64n - 1n));
  writer.uint32((5001 << 3) | 1).fixed64(1);
  writer
    .uint32((5002 << 3) | 3)
    .uint32((7 << 3) | 0)
    .uint32(1)
    .uint32((5002 << 3) | 4);
  writer.raw(bytes);
  writer.uint32((5003 << 3) | 2).bytes(new Uint8Array(300));
  writer.uint32((5004 << 3) | 5).fixed32(1);
  return writer.finish();
}

/** Runs a decoder that may refuse its input, but only in the one allowed way. */
function decodeOrProtoError(codec: AnyCodec, bytes: Uint8Array): AnyMessage | undefined {
  try {
    return codec.decode(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(ProtoError);
    expect((error as ProtoError).code).toBe('INVALID_ARGUMENT');
    return undefined;
  }
}

describe.each(allCodecs.map((codec): [string, AnyCodec] => [codec.name, codec]))(
  '%s',
  (_name, codec) => {
    const type = reflectionOf(codec);
    const full = fullMessage(type);
    const fullBytes = codec.encode(full);

    test('encodes to the bytes of protobufjs and back to itself', () => {
      fc.assert(
        fc.property(arbitraryMessage(type), (message) => {
          const bytes = codec.encode(message);
          const expected = type.encode(type.create(toReflection(type, message))).finish();
          expect(Buffer.compare(bytes, expected)).toBe(0);
          expect(codec.decode(bytes)).toEqual(codec.create(message));
          expect(codec.decode(expected)).toEqual(codec.create(message));
        }),
        RUNS,
      );
      expect(codec.decode(fullBytes)).toEqual(full);
    });

    test('fills defaults, also from no bytes at all', () => {
      expect(codec.decode(new Uint8Array(0))).toEqual(codec.create());
      expect(codec.create({})).toEqual(codec.create());
      expect(codec.encode(codec.create())).toHaveLength(0);
      expect(Object.keys(codec.create()).sort()).toEqual(
        plansOf(type)
          .map((plan) => plan.property)
          .sort(),
      );
    });

    test('skips fields that it does not know', () => {
      expect(codec.decode(withUnknownFields(fullBytes))).toEqual(full);
    });

    const plans = plansOf(type);
    const refuses = plans.length > 0 ? test : undefined;
    refuses?.('refuses a known field with another wire type', () => {
      for (const plan of plans) {
        const isDelimited =
          plan.kind === 'bytes' || plan.kind === 'string' || plan.kind === 'message';
        const own = isDelimited ? [2] : plan.repeated ? [0, 2] : [0];
        for (const wireType of [0, 1, 2, 3, 4, 5, 6, 7].filter((other) => !own.includes(other))) {
          const writer = new protobuf.Writer().uint32(((plan.number << 3) | wireType) >>> 0);
          const bytes = writer.raw(new Uint8Array(16)).finish();
          expect(() => codec.decode(bytes)).toThrow(ProtoError);
          expect(() => codec.decode(bytes)).toThrow(plan.fullName);
        }
      }
    });

    test('answers cut and random bytes with ProtoError or a message', () => {
      for (let length = 0; length < Math.min(fullBytes.length, 400); length++) {
        decodeOrProtoError(codec, fullBytes.subarray(0, length));
      }
      const good = fc.oneof(arbitraryMessage(type), fc.constant(full)).map((m) => codec.encode(m));
      fc.assert(
        fc.property(badBytes(good), (bad) => {
          const outcome = outcomeOf(() => codec.decode(bad), ProtoError);
          // Whatever was read can be sent on, and says the same there.
          if (outcome.type === 'value') {
            expect(codec.decode(codec.encode(outcome.value))).toEqual(outcome.value);
          }
        }),
        RUNS,
      );
    });
  },
);

describe('u64 fields that are ids or counts', () => {
  test.each(eachField(['u53']))(
    '%s is a number up to 2^53-1 and refused above',
    (_name, codec, plan) => {
      const type = reflectionOf(codec);
      const field = type.fieldsById[plan.number]!.name;
      const encoded = (value: bigint): Uint8Array => {
        const one = plan.repeated ? [long(value)] : long(value);
        return type.encode(type.create({ [field]: one })).finish();
      };
      const greatest = plan.repeated ? [2 ** 53 - 1] : 2 ** 53 - 1;
      expect(codec.decode(encoded(2n ** 53n - 1n))[plan.property]).toEqual(greatest);
      for (const value of [2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
        expect(() => codec.decode(encoded(value))).toThrow(`${plan.fullName}: exceeds 2^53-1`);
      }
      for (const value of [-1, 1.5, 2 ** 53, Number.NaN]) {
        const one = plan.repeated ? [value] : value;
        expect(() => codec.encode({ [plan.property]: one })).toThrow(ProtoError);
      }
    },
  );
});

describe('u64 fields that are timestamps', () => {
  test.each(eachField(['timestamp']))('%s is an exact bigint', (_name, codec, plan) => {
    const type = reflectionOf(codec);
    const field = type.fieldsById[plan.number]!.name;
    const values = [
      1n,
      2n ** 28n - 1n,
      2n ** 28n,
      2n ** 32n,
      2n ** 53n - 1n,
      2n ** 53n + 1n,
      2n ** 56n,
      2n ** 63n,
    ];
    for (const value of [...values, 2n ** 64n - 1n]) {
      const bytes = type.encode(type.create({ [field]: long(value) })).finish();
      expect(codec.decode(bytes)[plan.property]).toBe(value);
      expect(Buffer.compare(codec.encode({ [plan.property]: value }), bytes)).toBe(0);
    }
    for (const value of [-1n, 2n ** 64n]) {
      expect(() => codec.encode({ [plan.property]: value })).toThrow(ProtoError);
    }
  });
});

describe('i64 fields', () => {
  test.each(eachField(['i53']))('%s is a number within ±(2^53-1)', (_name, codec, plan) => {
    const type = reflectionOf(codec);
    const field = type.fieldsById[plan.number]!.name;
    const encoded = (value: bigint): Uint8Array =>
      type.encode(type.create({ [field]: long(value) })).finish();
    for (const value of [1, -1, 2 ** 32, -(2 ** 32), 2 ** 53 - 1, -(2 ** 53 - 1)]) {
      const bytes = encoded(BigInt(value));
      expect(codec.decode(bytes)[plan.property]).toBe(value);
      expect(Buffer.compare(codec.encode({ [plan.property]: value }), bytes)).toBe(0);
    }
    for (const value of [2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)]) {
      expect(() => codec.decode(encoded(value))).toThrow(`${plan.fullName}: is beyond`);
    }
  });
});

describe('32-bit fields', () => {
  test.each(eachField(['u32', 'i32']))('%s refuses what it cannot carry', (_name, codec, plan) => {
    const [low, high] = plan.kind === 'u32' ? [-1, 2 ** 32] : [-(2 ** 31) - 1, 2 ** 31];
    for (const value of [low, high, 0.5, Number.NaN]) {
      expect(() => codec.encode({ [plan.property]: value })).toThrow(plan.fullName);
    }
  });
});

describe('repeated numbers', () => {
  const repeated = eachField(['u53']).filter(([, , plan]) => plan.repeated);

  test.each(repeated)('%s may come packed, unpacked and mixed', (_name, codec, plan) => {
    const writer = new protobuf.Writer();
    writer.uint32(plan.number << 3).uint32(1);
    writer.uint32((plan.number << 3) | 2).uint64s([2, 300]);
    writer.uint32(plan.number << 3).uint64(2 ** 40);
    expect(codec.decode(writer.finish())[plan.property]).toEqual([1, 2, 300, 2 ** 40]);
  });

  test.each(repeated)('%s must end with its last number', (_name, codec, plan) => {
    const writer = new protobuf.Writer().uint32((plan.number << 3) | 2);
    writer.uint32(1).raw(new Uint8Array([0x80, 0x01]));
    expect(() => codec.decode(writer.finish())).toThrow(`${plan.fullName}: ends inside a field`);
  });
});
