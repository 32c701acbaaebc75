import { describe, expect, it } from 'vitest';
import { workloadNames } from '../run/plan.js';
import { costliestFirst, isRunTwice, workloadOf } from './seeds.js';

describe('the seeds of many runs', () => {
  it('end with those that take least, each once', () => {
    const seeds = Array.from({ length: 23 }, (_, i) => i + 1);
    const ordered = costliestFirst(seeds);
    expect([...ordered].sort((a, b) => a - b)).toEqual(seeds);
    const workloads = ordered.map(workloadOf);
    expect(new Set(workloads)).toEqual(new Set(workloadNames));
    expect(workloads.indexOf('all')).toBe(0);
    expect(workloads.at(-1)).toBe('raw');
    expect(workloads.lastIndexOf('all')).toBeLessThan(workloads.indexOf('redis'));
  });

  it('are run twice with every workload', () => {
    const seeds = Array.from({ length: 180 }, (_, i) => i + 1).filter(isRunTwice);
    expect(new Set(seeds.map(workloadOf))).toEqual(new Set(workloadNames));
  });
});
