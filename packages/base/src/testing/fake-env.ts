import type { Counter, Env, Faults, Gauge, Histogram, Labels, Logger, Metrics } from '../env.js';
import { Prng } from '../prng.js';
import { ManualClock } from './manual-clock.js';
import { MemoryFs } from './memory-fs.js';
import { MemoryNetwork } from './memory-network.js';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Keeps what is logged; children write to the same lines. */
export class MemoryLogger implements Logger {
  readonly lines: LogLine[];
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(lines: LogLine[] = [], fields: Readonly<Record<string, unknown>> = {}) {
    this.lines = lines;
    this.#fields = fields;
  }

  #add(level: LogLine['level'], message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.lines.push({ level, message, fields: { ...this.#fields, ...fields } });
  }

  debug(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#add('debug', message, fields);
  }
  info(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#add('info', message, fields);
  }
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#add('warn', message, fields);
  }
  error(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#add('error', message, fields);
  }
  child(fields: Readonly<Record<string, unknown>>): MemoryLogger {
    return new MemoryLogger(this.lines, { ...this.#fields, ...fields });
  }
}

/** Keeps the last value of gauges, the sum of counters and the observations' sum and count. */
export class MemoryMetrics implements Metrics {
  /** By `name{label="value"}`, labels in the order of their names. */
  readonly values: Map<string, number> = new Map();

  value(name: string, labels?: Labels): number {
    return this.values.get(seriesName(name, labels)) ?? 0;
  }

  counter(name: string, _help: string, labels?: Labels): Counter {
    const key = seriesName(name, labels);
    return { add: (n = 1): void => void this.values.set(key, (this.values.get(key) ?? 0) + n) };
  }

  gauge(name: string, _help: string, labels?: Labels): Gauge {
    const key = seriesName(name, labels);
    return { set: (value): void => void this.values.set(key, value) };
  }

  histogram(name: string, _help: string, labels?: Labels): Histogram {
    const sum = this.counter(`${name}_sum`, '', labels);
    const count = this.counter(`${name}_count`, '', labels);
    return {
      observe: (value): void => {
        sum.add(value);
        count.add();
      },
    };
  }
}

function seriesName(name: string, labels: Labels = {}): string {
  const parts = Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([label, value]) => `${label}="${value}"`);
  return parts.length === 0 ? name : `${name}{${parts.join(',')}}`;
}

/** Fail points that a test arms: the armed function runs where the code says `hit`. */
export class ArmedFaults implements Faults {
  readonly #armed = new Map<string, () => void>();

  arm(name: string, fn: () => void): void {
    this.#armed.set(name, fn);
  }

  disarm(name: string): void {
    this.#armed.delete(name);
  }

  hit(name: string): void {
    this.#armed.get(name)?.();
  }
}

export interface FakeEnv extends Env {
  readonly clock: ManualClock;
  readonly net: MemoryNetwork;
  readonly fs: MemoryFs;
  readonly logger: MemoryLogger;
  readonly metrics: MemoryMetrics;
  readonly faults: ArmedFaults;
}

export interface FakeEnvOptions {
  /** Shared by all nodes of a test. */
  readonly clock?: ManualClock;
  /** Shared by the nodes that speak to each other. */
  readonly net?: MemoryNetwork;
  /** Kept over the restart of a node. */
  readonly fs?: MemoryFs;
  readonly seed?: string | number;
}

/** A world in memory: time by hand, files and network in maps, randomness from the seed. */
export function fakeEnv(options: FakeEnvOptions = {}): FakeEnv {
  const clock = options.clock ?? new ManualClock();
  return {
    clock,
    rng: new Prng(options.seed ?? 1),
    net: options.net ?? new MemoryNetwork(clock),
    fs: options.fs ?? new MemoryFs(),
    logger: new MemoryLogger(),
    metrics: new MemoryMetrics(),
    faults: new ArmedFaults(),
  };
}
