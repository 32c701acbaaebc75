import { plainTable } from '../playground/report.js';
import type { Measurement } from './driver.js';
import { describeShape, type TxnShape } from './txn-work.js';

export interface Result {
  readonly workload: string;
  /** Of transactions. */
  readonly shape?: TxnShape;
  readonly clients: number;
  readonly valueBytes: number;
  readonly measurement: Measurement;
  /** fsyncs of all stores during the run; undefined when they could not be read. */
  readonly fsyncs: number | undefined;
}

/** One result as a plain value, in operations per second and milliseconds. */
export function resultFigures(result: Result): Record<string, string | number | undefined> {
  const { measurement: m } = result;
  const ms = (percentile: number): number => m.latency.getValueAtPercentile(percentile) / 1000;
  return {
    system: 'ours',
    workload: result.workload,
    ...result.shape,
    clients: result.clients,
    valueBytes: result.valueBytes,
    operations: m.operations,
    errors: m.errors,
    unsent: m.unsent,
    firstError: m.firstError,
    seconds: Number(m.seconds.toFixed(2)),
    operationsPerSecond: Math.round(m.operations / m.seconds),
    p50Ms: ms(50),
    p95Ms: ms(95),
    p99Ms: ms(99),
    p999Ms: ms(99.9),
    maxMs: m.latency.maxValue / 1000,
    fsyncsPerOperation:
      result.fsyncs === undefined || m.operations === 0
        ? undefined
        : Number((result.fsyncs / m.operations).toFixed(4)),
  };
}

export function resultTable(results: readonly Result[]): string {
  const workload = ({ workload: name, shape }: Result): string =>
    shape === undefined ? name : `${name} ${describeShape(shape)}`.trimEnd();
  const fixed = (value: string | number | undefined): string =>
    typeof value === 'number' ? value.toFixed(2) : '-';
  return plainTable(
    [
      'system',
      'workload',
      'clients',
      'ops/s',
      'p50 ms',
      'p95',
      'p99',
      'p99.9',
      'max',
      'errors',
      'unsent',
      'fsyncs/op',
    ],
    results
      .map((result) => ({ result, figures: resultFigures(result) }))
      .map(({ result, figures }) => [
        String(figures['system']),
        workload(result),
        String(figures['clients']),
        String(figures['operationsPerSecond']),
        ...['p50Ms', 'p95Ms', 'p99Ms', 'p999Ms', 'maxMs'].map((name) => fixed(figures[name])),
        String(figures['errors']),
        String(figures['unsent']),
        figures['fsyncsPerOperation'] === undefined ? '-' : String(figures['fsyncsPerOperation']),
      ]),
  );
}
