import { describe, expect, it } from 'vitest';
import { checkLifetimes, type LifetimeRead } from './lifetimes.js';

const look: LifetimeRead = {
  client: 1,
  call: 1,
  ret: 2,
  key: 'k',
  isPresent: true,
  from: 100,
  to: 110,
  livesUntil: 150,
  goneFrom: 160,
};

describe('a key that expires', () => {
  it('may be there or not while nobody knows', () => {
    for (const isPresent of [true, false]) {
      expect(checkLifetimes([{ ...look, from: 140, to: 155, isPresent }]).violations).toEqual([]);
    }
  });

  it('is convicted when it is there after its time', () => {
    const { violations } = checkLifetimes([look, { ...look, from: 162, to: 170 }]);
    expect(violations).toMatchObject([
      { oracle: 'lifetimes', message: 'outlived: k was there after 160' },
    ]);
  });

  it('is convicted when it is gone before its time', () => {
    const absent = { ...look, isPresent: false };
    expect(checkLifetimes([{ ...absent, from: 170, to: 180 }]).violations).toEqual([]);
    expect(checkLifetimes([absent]).violations).toMatchObject([
      { message: 'cut short: k was not there before 150' },
    ]);
    const forever = Number.POSITIVE_INFINITY;
    const kept = { ...absent, from: 900, to: 910, livesUntil: forever, goneFrom: forever };
    expect(checkLifetimes([kept]).violations).toHaveLength(1);
  });
});
