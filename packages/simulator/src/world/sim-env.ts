import type { Counter, Env, Fs, Gauge, Histogram, Logger, Metrics, Rng } from '@tinykv/base';
import { KvError } from '@tinykv/base';
import { tinykvpeer } from '@tinykv/proto';
import type { Network } from './network.js';
import type { SimProcess } from './process.js';
import { type MachineClock, SimClock } from './sim-clock.js';
import { SimNet } from './sim-net.js';

export interface SimEnvOptions {
  readonly process: SimProcess;
  readonly host: string;
  readonly clock: MachineClock;
  readonly network: Network;
  readonly rng: Rng;
  readonly fs?: Fs;
  readonly planted: (name: string) => boolean;
  /** Called at fail points; may kill the process, and then throws. */
  readonly hit?: (name: string) => void;
}

/** The doors of one simulated process. */
export function simEnv(options: SimEnvOptions): Env {
  const { process, network, host, rng } = options;
  return {
    clock: new SimClock(process, options.clock),
    rng,
    net: new SimNet(network, process, host, (method) => method === tinykvpeer.Peer.raft.path),
    fs: options.fs ?? new NoFs(),
    logger: new SimLogger(process),
    metrics: noMetrics,
    faults: { hit: (name) => options.hit?.(name) },
    planted: options.planted,
  };
}

class SimLogger implements Logger {
  readonly #process: SimProcess;

  constructor(process: SimProcess) {
    this.#process = process;
  }

  #log(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#process.world.log(this.#process.name, message, fields);
  }

  debug(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#log(message, fields);
  }
  info(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#log(message, fields);
  }
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#log(message, fields);
  }
  error(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#log(message, fields);
  }
  child(): Logger {
    return this;
  }
}

const nothing: Counter & Gauge & Histogram = { add: () => {}, set: () => {}, observe: () => {} };
const noMetrics: Metrics = {
  counter: () => nothing,
  gauge: () => nothing,
  histogram: () => nothing,
};

/** Of processes that keep nothing. */
class NoFs implements Fs {
  #none(): Promise<never> {
    return Promise.reject(new KvError('FAILED_PRECONDITION', 'this process has no files'));
  }
  readFile(): Promise<never> {
    return this.#none();
  }
  writeFileAtomic(): Promise<never> {
    return this.#none();
  }
  openWrite(): Promise<never> {
    return this.#none();
  }
  openRead(): Promise<never> {
    return this.#none();
  }
  list(): Promise<never> {
    return this.#none();
  }
  remove(): Promise<never> {
    return this.#none();
  }
  space(): Promise<never> {
    return this.#none();
  }
}
