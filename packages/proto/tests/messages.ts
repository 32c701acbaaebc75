import { anyText } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import type protobuf from 'protobufjs';
import { type FieldPlan, planField } from '../scripts/fields.js';
import type { AnyMessage } from './codecs.js';

const U64_MAX = 2n ** 64n - 1n;

export function plansOf(type: protobuf.Type): FieldPlan[] {
  return type.fieldsArray.map((field) => planField(field, type.parent!.name));
}

function fieldType(type: protobuf.Type, plan: FieldPlan): protobuf.Type {
  return type.fieldsById[plan.number]!.resolvedType as protobuf.Type;
}

function scalar(plan: FieldPlan): fc.Arbitrary<unknown> {
  switch (plan.kind) {
    case 'bytes':
      return fc.uint8Array({ maxLength: 200 });
    case 'string':
      return anyText(150);
    case 'bool':
      return fc.boolean();
    case 'u32':
      return fc.oneof(fc.nat(200), fc.integer({ min: 0, max: 2 ** 32 - 1 }));
    case 'i32':
      return fc.integer();
    case 'u53':
      return fc.oneof(fc.nat(200), fc.maxSafeNat(), fc.constantFrom(2 ** 32, 2 ** 53 - 1));
    case 'i53':
      return fc.oneof(fc.nat(200), fc.maxSafeInteger());
    case 'timestamp':
      return fc.oneof(
        fc.bigInt({ min: 0n, max: U64_MAX }),
        fc.constantFrom(2n ** 53n - 1n, 2n ** 53n + 1n, 2n ** 63n, U64_MAX),
      );
    case 'message':
      throw new Error('not a scalar');
  }
}

/** Messages as our codecs take them: some fields left out, some at their default, some not. */
export function arbitraryMessage(type: protobuf.Type): fc.Arbitrary<AnyMessage> {
  const shape = Object.fromEntries(
    plansOf(type).map((plan) => {
      const one = plan.kind === 'message' ? arbitraryMessage(fieldType(type, plan)) : scalar(plan);
      return [plan.property, plan.repeated ? fc.array(one, { maxLength: 3 }) : one];
    }),
  );
  return fc.record(shape, { requiredKeys: [] });
}

/** A u64 in the form that protobufjs encodes exactly; negative numbers in two's complement. */
export function long(value: bigint): protobuf.Long {
  const bits = BigInt.asUintN(64, value);
  const halves = { low: Number(bits & 0xffff_ffffn), high: Number(bits >> 32n), unsigned: true };
  return halves as protobuf.Long;
}

function isDefault(value: unknown): boolean {
  return (
    value === undefined ||
    value === 0 ||
    value === 0n ||
    value === '' ||
    value === false ||
    (value instanceof Uint8Array && value.length === 0)
  );
}

/** The same message as protobufjs takes it; defaults are left out, as proto3 leaves them out of the bytes. */
export function toReflection(type: protobuf.Type, message: AnyMessage): AnyMessage {
  const out: AnyMessage = {};
  for (const plan of plansOf(type)) {
    const one = (value: unknown): unknown => {
      if (plan.kind === 'message') return toReflection(fieldType(type, plan), value as AnyMessage);
      const isLong = plan.kind === 'timestamp' || plan.kind === 'u53' || plan.kind === 'i53';
      return isLong ? long(BigInt(value as number)) : value;
    };
    const value = message[plan.property];
    const name = plan.fullName.split('.').at(-1)!;
    if (plan.repeated) out[name] = ((value ?? []) as unknown[]).map(one);
    else if (!isDefault(value)) out[name] = one(value);
  }
  return out;
}

/** A message with all fields set, at every depth. */
export function fullMessage(type: protobuf.Type): AnyMessage {
  const samples: Record<FieldPlan['kind'], (plan: FieldPlan) => unknown> = {
    bytes: () => new Uint8Array([1, 2, 3]),
    string: () => 'größe',
    bool: () => true,
    u32: () => 300,
    i32: () => -5,
    u53: () => 2 ** 40 + 1,
    i53: () => -(2 ** 40),
    timestamp: () => 2n ** 63n + 1n,
    message: (plan) => fullMessage(fieldType(type, plan)),
  };
  return Object.fromEntries(
    plansOf(type).map((plan) => {
      const value = samples[plan.kind](plan);
      return [plan.property, plan.repeated ? [value, value] : value];
    }),
  );
}
