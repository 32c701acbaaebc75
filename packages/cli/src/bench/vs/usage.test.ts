import { describe, expect, it } from 'vitest';
import { CLIENT, sampleUsage, type UsageSample, usageBetween } from './usage.js';

function sample(
  at: number,
  busySeconds: number,
  processes: Record<string, readonly [cpuSeconds: number, writeCalls: number]>,
): UsageSample {
  const counters = Object.entries(processes).map(
    ([name, [cpuSeconds, writeCalls]]) => [name, { cpuSeconds, writeCalls }] as const,
  );
  return { at, busySeconds, processes: new Map(counters) };
}

describe('usage', () => {
  it('of others is what the machine used beyond the processes under measurement', () => {
    const before = sample(1000, 50, { client: [1, 10], etcd: [2, 100] });
    const after = sample(3000, 53, { client: [1.5, 15], etcd: [3.5, 400] });
    const { foreignCores, processes } = usageBetween(before, after);
    expect(foreignCores).toBe(0.5);
    expect(processes.get('client')).toEqual({ cpuSeconds: 0.5, writeCalls: 5 });
    expect(processes.get('etcd')).toEqual({ cpuSeconds: 1.5, writeCalls: 300 });
  });

  it('is never below nothing: ticks are coarse, and a process may have ended', () => {
    const before = sample(0, 10, { etcd: [2, 100] });
    const after = sample(1000, 10, { etcd: [0, 0] });
    const { foreignCores, processes } = usageBetween(before, after);
    expect(foreignCores).toBe(0);
    expect(processes.get('etcd')).toEqual({ cpuSeconds: 0, writeCalls: 0 });
  });

  it('is read from /proc, and a process that is gone has none', () => {
    const { processes } = sampleUsage([CLIENT, { name: 'gone', pid: 2 ** 22 + 1 }]);
    expect(processes.get('client')?.cpuSeconds).toBeGreaterThan(0);
    expect(processes.get('gone')).toEqual({ cpuSeconds: 0, writeCalls: 0 });
  });
});
