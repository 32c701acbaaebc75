import type { Counter, Gauge, Histogram, Labels, Metrics } from '@tinykv/base';
import * as prom from 'prom-client';
import { BucketHistogram } from './bucket-histogram.js';

/** Of histograms that name none, in seconds: 100 us to 26 s, each twice the one before. */
const DEFAULT_BUCKETS: readonly number[] = prom.exponentialBuckets(0.0001, 2, 19);

/**
 * Prometheus metrics in a registry of their own. The same name and labels give the same handle; a name
 * must always come with the same set of labels.
 */
export class RealMetrics implements Metrics {
  readonly #registry = new prom.Registry();
  readonly #handles = new Map<string, unknown>();
  readonly #histograms = new Map<string, BucketHistogram>();

  constructor(options: { readonly processMetrics: boolean }) {
    if (options.processMetrics) prom.collectDefaultMetrics({ register: this.#registry });
  }

  counter(name: string, help: string, labels: Labels = {}): Counter {
    return this.#handle(name, labels, (labelNames, registers) => {
      const metric =
        (this.#registry.getSingleMetric(name) as prom.Counter | undefined) ??
        new prom.Counter({ name, help, labelNames, registers });
      const child = metric.labels(labels);
      return { add: (n = 1): void => child.inc(n) };
    });
  }

  gauge(name: string, help: string, labels: Labels = {}): Gauge {
    return this.#handle(name, labels, (labelNames, registers) => {
      const metric =
        (this.#registry.getSingleMetric(name) as prom.Gauge | undefined) ??
        new prom.Gauge({ name, help, labelNames, registers });
      const child = metric.labels(labels);
      return { set: (value): void => child.set(value) };
    });
  }

  histogram(
    name: string,
    help: string,
    labels: Labels = {},
    buckets: readonly number[] = DEFAULT_BUCKETS,
  ): Histogram {
    return this.#handle(name, labels, () => {
      const known = this.#histograms.get(name);
      return (known ?? this.#addHistogram(name, help, buckets)).child(labels);
    });
  }

  /** All metrics in Prometheus's text format. */
  render(): Promise<string> {
    return this.#registry.metrics();
  }

  #addHistogram(name: string, help: string, buckets: readonly number[]): BucketHistogram {
    const histogram = new BucketHistogram(name, help, buckets);
    this.#histograms.set(name, histogram);
    // The registry asks a metric for no more than its name and `get`.
    this.#registry.registerMetric(histogram as unknown as prom.Metric);
    return histogram;
  }

  #handle<T>(
    name: string,
    labels: Labels,
    make: (labelNames: string[], registers: prom.Registry[]) => T,
  ): T {
    const labelNames = Object.keys(labels).sort();
    const key = JSON.stringify([name, ...labelNames.map((label) => [label, labels[label]])]);
    const known = this.#handles.get(key);
    if (known !== undefined) return known as T;
    const handle = make(labelNames, [this.#registry]);
    this.#handles.set(key, handle);
    return handle;
  }
}
