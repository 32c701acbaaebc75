import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Inflights } from './inflights.js';

test('the ring behaves as a queue of limited length', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.nat({ max: 20 }),
      fc.array(fc.record({ free: fc.boolean(), amount: fc.nat({ max: 6 }) }), { maxLength: 60 }),
      (size, maxBytes, steps) => {
        const window = new Inflights(size, maxBytes);
        let model: { index: number; bytes: number }[] = [];
        let index = 0;
        const full = () =>
          model.length === size ||
          (maxBytes !== 0 && model.reduce((sum, item) => sum + item.bytes, 0) >= maxBytes);
        for (const { free, amount } of steps) {
          if (free) {
            const to = (model[0]?.index ?? 0) + amount - 1;
            window.freeLE(to);
            model = model.filter((item) => item.index > to);
          } else if (!full()) {
            index += 1 + amount;
            window.add(index, amount);
            model.push({ index, bytes: amount });
          }
          expect(window.count()).toBe(model.length);
          expect(window.full()).toBe(full());
        }
      },
    ),
  );
});

test('a message may go over the limit of bytes, the next one waits', () => {
  const window = new Inflights(10, 100);
  window.add(1, 99);
  expect(window.full()).toBe(false);
  window.add(2, 500);
  expect(window.full()).toBe(true);
  expect(() => window.add(3, 1)).toThrow('full');
  window.freeLE(2);
  expect(window.count()).toBe(0);
});

test('a clone goes its own way', () => {
  const window = new Inflights(3, 0);
  window.add(1, 1);
  const copy = window.clone();
  copy.add(2, 1);
  copy.freeLE(1);
  expect(window.count()).toBe(1);
  window.reset();
  expect(copy.count()).toBe(1);
});
