import { describe, expect, it } from 'vitest';
import { Capacity } from './capacity.js';

describe('capacity', () => {
  it('is what the limit says, and what could not be refused', () => {
    const capacity = new Capacity();
    const level = { name: 'memory of store-1', limit: 1_000, slack: 50 };
    capacity.observe({ ...level, used: 1_050 });
    expect(capacity.violations()).toEqual([]);
    capacity.observe({ ...level, used: 1_051 });
    expect(capacity.violations()).toMatchObject([{ oracle: 'capacity' }]);
  });
});
