import { expect, it } from 'vitest';
import { ByteRate } from './byte-rate.js';

it('several streams together stay below the rate, and a pause earns nothing', () => {
  const rate = new ByteRate(1_000);
  expect(rate.reserve(500, 0)).toBe(0);
  expect(rate.reserve(250, 0)).toBe(500);
  expect(rate.reserve(100, 600)).toBe(750);
  expect(rate.reserve(100, 10_000)).toBe(10_000);
  expect(rate.reserve(100, 10_000)).toBe(10_100);
});
