import fc from 'fast-check';
import * as prom from 'prom-client';
import { expect, test } from 'vitest';
import { RealMetrics } from './metrics.js';

const BUCKETS = [0.001, 0.002, 0.004, 1];

test("a histogram is rendered as prom-client's own would be", async () => {
  const values = fc.array(
    fc.tuple(
      fc.constantFrom('get', 'put'),
      fc.oneof(fc.constantFrom(...BUCKETS), fc.double({ min: 0, max: 2, noNaN: true })),
    ),
  );
  await fc.assert(
    fc.asyncProperty(values, async (observed) => {
      const metrics = new RealMetrics({ processMetrics: false });
      const registry = new prom.Registry();
      const options = { name: 'took_seconds', help: 'time "taken"', buckets: BUCKETS };
      const reference = new prom.Histogram({
        ...options,
        labelNames: ['method'],
        registers: [registry],
      });
      const methods = ['get', 'put'].map((method) => {
        reference.zero({ method });
        return [
          method,
          metrics.histogram(options.name, options.help, { method }, BUCKETS),
        ] as const;
      });
      const ours = new Map(methods);
      for (const [method, value] of observed) {
        ours.get(method)!.observe(value);
        reference.labels({ method }).observe(value);
      }
      expect(await metrics.render()).toBe(await registry.metrics());
    }),
  );
});

test('buckets that do not rise are refused', () => {
  const metrics = new RealMetrics({ processMetrics: false });
  expect(() => metrics.histogram('x', 'x', {}, [1, 1])).toThrow('do not rise');
});
