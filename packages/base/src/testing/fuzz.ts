import fc from 'fast-check';

/*
 * Random tests: how often they run, and how bytes get damaged. Not part of `testing/index.ts`, so that who
 * wants a fake clock does not load fast-check.
 */

declare const process: { readonly env: Readonly<Record<string, string | undefined>> };

/** How many times the usual runs are made at full size. */
const LONG_FACTOR = 100;

/** `TINYKV_LONG=1` asks for the full sizes. */
export const isLongRun: boolean = process.env['TINYKV_LONG'] === '1';

/** So many runs of a property as a rule, 100 times that many at full size. */
export function runs(usual: number): { readonly numRuns: number } {
  return { numRuns: isLongRun ? LONG_FACTOR * usual : usual };
}

type Damage =
  | {
      readonly type: 'flip' | 'set' | 'insert' | 'drop';
      readonly at: number;
      readonly byte: number;
    }
  | { readonly type: 'cut'; readonly at: number }
  /** Writes a part of the bytes over another: what looks right, in the wrong place. */
  | { readonly type: 'copy'; readonly from: number; readonly to: number; readonly count: number };

const damage: fc.Arbitrary<Damage> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constantFrom('flip', 'set', 'insert', 'drop'),
      at: fc.nat(),
      byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('cut'), at: fc.nat() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('copy'),
      from: fc.nat(),
      to: fc.nat(),
      count: fc.nat(16),
    }),
  },
);

function applyDamage(bytes: number[], one: Damage): void {
  const { length } = bytes;
  if (length === 0) return;
  if (one.type === 'cut') {
    bytes.length = one.at % length;
    return;
  }
  if (one.type === 'copy') {
    const part = bytes.slice(one.from % length, (one.from % length) + one.count);
    bytes.splice(one.to % length, part.length, ...part);
    return;
  }
  const at = one.at % length;
  if (one.type === 'flip') bytes[at]! ^= 1 << (one.byte & 7);
  else if (one.type === 'set') bytes[at] = one.byte;
  else if (one.type === 'insert') bytes.splice(at, 0, one.byte);
  else bytes.splice(at, 1);
}

/** The bytes after one to eight small damages. */
export function damaged(source: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(source, fc.array(damage, { minLength: 1, maxLength: 8 }))
    .map(([whole, damages]) => {
      const bytes = [...whole];
      for (const one of damages) applyDamage(bytes, one);
      return Uint8Array.from(bytes);
    });
}

/** Every form of the bytes in which one bit is another. */
export function* bitFlips(bytes: Uint8Array): Generator<Uint8Array> {
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = new Uint8Array(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    yield flipped;
  }
}

/** Of random bytes and damaged ones, some of each. */
export function badBytes(source: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  return fc.oneof(
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 80 }) },
    { weight: 4, arbitrary: damaged(source) },
  );
}

export type Outcome<T> =
  | { readonly type: 'value'; readonly value: T }
  | { readonly type: 'refused'; readonly message: string };

/**
 * What a decoder makes of bytes: a value, or a refusal in the one way that it is allowed. Anything else that
 * it throws comes out and fails the test; so does a second try that ends otherwise.
 */
export function outcomeOf<T>(
  decode: () => T,
  refusal: new (...args: never[]) => Error,
): Outcome<T> {
  const first = tryOnce(decode, refusal);
  const second = tryOnce(decode, refusal);
  const same =
    first.type === 'value' || second.type === 'value' || first.message === second.message;
  if (first.type !== second.type || !same) {
    throw new Error(`decoded twice: ${fc.stringify(first)}, then ${fc.stringify(second)}`);
  }
  return first;
}

function tryOnce<T>(decode: () => T, refusal: new (...args: never[]) => Error): Outcome<T> {
  try {
    return { type: 'value', value: decode() };
  } catch (error) {
    if (!(error instanceof refusal)) throw error;
    return { type: 'refused', message: error.message };
  }
}

/** Splits the bytes at the given places, whatever their order; empty parts are among them. */
export function cutInto(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b);
  const parts: Uint8Array[] = [];
  let from = 0;
  for (const place of [...places, bytes.length]) {
    parts.push(bytes.subarray(from, place));
    from = place;
  }
  return parts;
}

const codePoint: fc.Arbitrary<string> = fc
  .oneof(fc.nat(0x7f), fc.nat(0xd7ff), fc.integer({ min: 0xe000, max: 0x10ffff }))
  .map((code) => String.fromCodePoint(code));

/** Text of any code points. fast-check's own takes seconds to list all of them first. */
export function anyText(maxLength: number): fc.Arbitrary<string> {
  return fc.string({ unit: codePoint, maxLength });
}
