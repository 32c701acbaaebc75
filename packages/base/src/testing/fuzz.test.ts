import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../bytes.js';
import { CodecError } from '../codec.js';
import { badBytes, bitFlips, cutInto, damaged, outcomeOf, runs } from './fuzz.js';

const bytes = fc.uint8Array({ minLength: 4, maxLength: 20 });

describe('what random tests are made of', () => {
  it('damage: most bytes are others afterwards, and any length comes up', () => {
    const source = fc.constant(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    const samples = fc.sample(damaged(source), { numRuns: 200, seed: 1 });
    const changed = samples.filter((sample) => sample.join() !== '1,2,3,4,5,6,7,8');
    expect(changed.length).toBeGreaterThan(180);
    expect(new Set(samples.map((sample) => sample.length)).size).toBeGreaterThan(5);
    expect(fc.sample(badBytes(source), { numRuns: 10, seed: 1 })).toHaveLength(10);
  });

  it('bit flips: each bit once', () => {
    expect([...bitFlips(Uint8Array.of(0, 0))].map((flipped) => [...flipped])).toEqual([
      ...[1, 2, 4, 8, 16, 32, 64, 128].map((bit) => [bit, 0]),
      ...[1, 2, 4, 8, 16, 32, 64, 128].map((bit) => [0, bit]),
    ]);
  });

  it('cuts: the parts make the whole', () => {
    fc.assert(
      fc.property(bytes, fc.array(fc.nat()), (whole, cuts) => {
        const parts = cutInto(whole, cuts);
        expect(parts).toHaveLength(cuts.length + 1);
        expect(concatBytes(...parts)).toEqual(whole);
      }),
      runs(100),
    );
  });

  it('outcomes: a value, a refusal, and whatever else a decoder throws', () => {
    expect(outcomeOf(() => 7, CodecError)).toEqual({ type: 'value', value: 7 });
    const refuse = (): never => {
      throw new CodecError('no');
    };
    expect(outcomeOf(refuse, CodecError)).toEqual({ type: 'refused', message: 'no' });
    expect(() => outcomeOf(() => Uint8Array.of(1).at(0)!.toFixed(101), CodecError)).toThrow(
      RangeError,
    );
    let calls = 0;
    const moody = (): number => (calls++ === 0 ? 1 : refuse());
    expect(() => outcomeOf(moody, CodecError)).toThrow('decoded twice');
  });
});
