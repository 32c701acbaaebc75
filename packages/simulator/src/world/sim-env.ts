import type { Counter, Env, Fs, Gauge, Histogram, Logger, Metrics, Rng } from '@tinykv/base';
import { KvError } from '@tinykv/base';
import { tinykvpeer } from '@tinykv/proto';
import type { Network } from './network.js';
import { type MachineClock, SimClock } from './sim-clock.js';
import { SimNet } from './sim-net.js';
import type { SimProcess } from './sim-proc.js';

export interface SimEnvOptions {
  readonly proc: SimProcess;
  readonly host: string;
  readonly clock: MachineClock;
  readonly network: Network;
  readonly rng: Rng;
  readonly fs?: Fs;
  /** Called at fail points; may kill the process, and then throws. */
  readonly hit?: (name: string) => void;
}

/** The doors of one simulated process. */
export function simEnv(options: SimEnvOptions): Env {
  const { proc, network, host, rng } = options;
  return {
    clock: new SimClock(proc, options.clock),
    rng,
    net: new SimNet(network, proc, host, (method) => method === tinykvpeer.Peer.raft.path),
    fs: options.fs ?? new NoFs(),
    logger: new SimLogger(proc),
    metrics: noMetrics,
    faults: { hit: (name) => options.hit?.(name) },
  };
}

class SimLogger implements Logger {
  readonly #proc: SimProcess;

  constructor(proc: SimProcess) {
    this.#proc = proc;
  }

  #log(message: string, fields?: Readonly<Record<string, unknown>>): void {
    this.#proc.world.log(this.#proc.name, message, fields);
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
    return Promise.reject(new KvError('FAILED_PRECONDITION', 'this proc has no files'));
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
