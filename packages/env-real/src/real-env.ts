import type { Env } from '@tinykv/base';
import { RealClock } from './clock.js';
import { Files } from './files.js';
import { GrpcNet, type RealNet } from './grpc-net.js';
import { createLogger, type LoggerOptions } from './logger.js';
import { RealMetrics } from './metrics.js';
import { systemRng } from './rng.js';

export interface EnvOptions extends LoggerOptions {
  /** The folder that `fs` works in; without it there are no files. */
  readonly dataDir?: string;
  /** Adds metrics of the process itself: memory, CPU, event loop, garbage collection. */
  readonly processMetrics?: boolean;
}

/** The real world, and its end. */
export interface RealEnv extends Env {
  readonly net: RealNet;
  readonly metrics: RealMetrics;
  /** Closes connections and servers at once; to drain a server, close it first. */
  close(): Promise<void>;
}

export function createEnv(options: EnvOptions): RealEnv {
  const logger = createLogger(options);
  const net = new GrpcNet(logger);
  return {
    clock: new RealClock(),
    rng: systemRng(),
    net,
    fs: new Files(options.dataDir),
    logger,
    metrics: new RealMetrics({ processMetrics: options.processMetrics ?? false }),
    faults: { hit: () => {} },
    close: () => net.close(),
  };
}
