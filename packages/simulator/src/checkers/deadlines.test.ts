import { describe, expect, it } from 'vitest';
import { Deadlines } from './deadlines.js';

describe('deadlines', () => {
  it('are kept with a little slack, and no more', () => {
    const deadlines = new Deadlines(200);
    const call = { client: 'client-1', method: 'get', deadlineMs: 4_000 };
    deadlines.onAnswer({ ...call, tookMs: 4_200 });
    expect(deadlines.violations()).toEqual([]);
    deadlines.onAnswer({ ...call, tookMs: 4_201 });
    expect(deadlines.violations()).toMatchObject([
      { oracle: 'deadline', history: ['client-1 get took 4201 of 4000 ms'] },
    ]);
  });
});
