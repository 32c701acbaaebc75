import { describe, expect, it } from 'vitest';
import { runClosedLoop } from './driver.js';
import { resultFigures, resultTable } from './report.js';

describe('closed loop', () => {
  it('keeps every client at work, counts and measures', async () => {
    const seen = new Set<number>();
    const measured = await runClosedLoop(
      (client, round) => {
        seen.add(client);
        return round % 10 === 9 ? Promise.reject(new Error('no')) : new Promise(setImmediate);
      },
      { clients: 4, seconds: 0.1 },
    );
    expect([...seen].sort()).toEqual([0, 1, 2, 3]);
    expect(measured.operations).toBeGreaterThan(10);
    expect(measured.errors).toBeGreaterThan(0);
    expect(measured.firstError).toBe('no');
    expect(measured.latency.totalCount).toBe(measured.operations);
    const result = {
      workload: 'txn',
      clients: 4,
      valueBytes: 1,
      measurement: measured,
      fsyncs: measured.operations,
    };
    expect(resultFigures(result)).toMatchObject({ fsyncsPerOperation: 1, firstError: 'no' });
    expect(resultTable([result])).toContain('ours');
  });

  it('counts every operation of a batch, but one latency', async () => {
    const measured = await runClosedLoop(() => new Promise(setImmediate), {
      clients: 1,
      seconds: 0.02,
      batch: 16,
    });
    expect(measured.operations).toBe(16 * measured.latency.totalCount);
  });
});
