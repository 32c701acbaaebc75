import type { Measurement } from '../driver.js';
import { CLIENT, type Usage } from './usage.js';

/** What one side did in one round. */
export interface RoundFigures {
  readonly operationsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Cores that other processes used meanwhile. */
  readonly foreignCores: number;
  /** CPU microseconds per operation of each process of the side, the client among them. */
  readonly cpuMicros: Readonly<Record<string, number>>;
  /** fdatasyncs per operation; undefined when the side does not count them. */
  readonly fsyncs: number | undefined;
  /** Write calls per operation of the servers; undefined when there are none. */
  readonly writes: number | undefined;
  readonly clientWrites: number;
}

export interface RoundMeasured {
  readonly measurement: Measurement;
  readonly usage: Usage;
  /** Names of the side's servers in `usage`. */
  readonly servers: readonly string[];
  readonly fsyncs: number | undefined;
}

export function roundFigures(measured: RoundMeasured): RoundFigures {
  const { measurement: m, usage, servers, fsyncs } = measured;
  const per = (amount: number): number => amount / Math.max(1, m.operations);
  const counters = (name: string): { cpuSeconds: number; writeCalls: number } =>
    usage.processes.get(name) ?? { cpuSeconds: 0, writeCalls: 0 };
  const cpu = [CLIENT.name, ...servers].map(
    (name) => [name, per(counters(name).cpuSeconds * 1e6)] as const,
  );
  const serverWrites = servers.reduce((sum, name) => sum + counters(name).writeCalls, 0);
  return {
    operationsPerSecond: m.operations / m.seconds,
    p50Ms: m.latency.getValueAtPercentile(50) / 1000,
    p99Ms: m.latency.getValueAtPercentile(99) / 1000,
    foreignCores: usage.foreignCores,
    cpuMicros: Object.fromEntries(cpu),
    fsyncs: fsyncs === undefined ? undefined : per(fsyncs),
    writes: servers.length === 0 ? undefined : per(serverWrites),
    clientWrites: per(counters(CLIENT.name).writeCalls),
  };
}
