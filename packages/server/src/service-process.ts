import { errorMessage } from '@tinykv/base';
import { createEnv, type RealEnv } from '@tinykv/env-real';
import { EXIT, type Program, readCommandLine } from './config/command-line.js';
import type { Loaded } from './config/load.js';
import { settingsOf } from './config/setting.js';
import { letHeapGrow } from './heap.js';
import { isListenError, listenFailure } from './listen-failure.js';
import { permissionFailure } from './permission-failure.js';
import { isSupportedPlatform } from './platform.js';
import { type Running, runProcess } from './process.js';
import { StartError } from './start-error.js';
import { AUTO, statusPlace } from './status-address.js';
import { type StatusServer, startStatusServer } from './status-server.js';
import { buildInfo } from './version.js';

/** What every server process has among its settings. */
export interface CommonSettings {
  readonly logLevel: string;
  /** Empty: standard error. */
  readonly logFile: string;
  /** Empty: no status page; `auto`: a port that follows that of the service. */
  readonly statusAddr: string;
}

/** A service as its process holds it. */
export interface Service extends Running {
  /** For `/status`. */
  status(): object;
  /** Why it does not do its work, though its process runs; for `/ready`. */
  notReady?(): string | undefined;
  /** Called before metrics are read. */
  refreshMetrics?(): void;
}

export interface ServiceProgram<T extends CommonSettings> extends Program<T> {
  /** Where the service listens, and how far above its port that of the status page is unless told otherwise. */
  readonly serviceAddress: (settings: T) => string;
  /** For messages: `--addr`. */
  readonly addressFlag: string;
  readonly statusPortOffset: number;
  /** The folder that the service owns, if it has one. */
  readonly dataDir?: (settings: T) => string;
  /** Where files of the Env lie, if the service has any. */
  readonly filesDir?: (settings: T) => string;
  /** Starts to serve; `fatal` ends the process. */
  readonly start: (env: RealEnv, settings: T, fatal: (error: unknown) => void) => Promise<Service>;
}

/**
 * The whole life of a server process: command line, log, status page, service, signals. Returns only
 * for a command line that does not start anything.
 */
export async function runServiceProcess<T extends CommonSettings>(
  program: ServiceProgram<T>,
  argv: readonly string[],
): Promise<number> {
  if (!isSupportedPlatform(program.name)) return EXIT.failure;
  const invocation = readCommandLine(program, argv, process.env);
  if (invocation.type === 'exit') {
    process.stdout.write(invocation.out);
    process.stderr.write(invocation.err);
    return invocation.code;
  }
  letHeapGrow();
  const { loaded } = invocation;
  const settings = loaded.values;
  const filesDir = program.filesDir?.(settings);
  const env = createEnv({
    name: program.name,
    logLevel: settings.logLevel,
    ...(settings.logFile === '' ? {} : { logFile: settings.logFile }),
    ...(filesDir === undefined ? {} : { dataDir: filesDir }),
    processMetrics: true,
  });
  return runProcess({
    name: program.name,
    logger: env.logger,
    logsToStderr: settings.logFile === '',
    start: (fatal) => startService(program, env, loaded, fatal),
  });
}

async function startService<T extends CommonSettings>(
  program: ServiceProgram<T>,
  env: RealEnv,
  loaded: Loaded<T>,
  fatal: (error: unknown) => void,
): Promise<Running> {
  const { version, commit } = buildInfo();
  env.logger.info('starting', { version, commit });
  const startedAt = performance.now();
  let service: Service | undefined;
  const statusPage = await openStatusPage(program, env, loaded, () => service);
  const settings = loaded.values;
  const started = await program.start(env, settings, fatal).catch(async (error: unknown) => {
    throw await explained(program, settings, error);
  });
  service = started;
  env.logger.info('ready', {
    ms: Math.round(performance.now() - startedAt),
    status: statusPage?.address,
  });
  return {
    stop: async (signal) => {
      service = undefined;
      await started.stop(signal);
      await statusPage?.close();
      await env.close();
    },
  };
}

async function openStatusPage<T extends CommonSettings>(
  program: ServiceProgram<T>,
  env: RealEnv,
  loaded: Loaded<T>,
  service: () => Service | undefined,
): Promise<StatusServer | undefined> {
  const { statusAddr } = loaded.values;
  const serviceAddress = program.serviceAddress(loaded.values);
  const place = statusPlace(statusAddr, serviceAddress, program.statusPortOffset);
  if (place === undefined) {
    if (statusAddr !== '') env.logger.warn('no status page: no port is left above the service');
    return undefined;
  }
  const { address, isOptional } = place;
  const build = { program: program.name, ...buildInfo(), pid: process.pid };
  const notReady = (): string | undefined => {
    const running = service();
    return running === undefined ? 'the process starts or stops' : running.notReady?.();
  };
  const sources = {
    status: () => ({ ...build, ready: notReady() === undefined, ...service()?.status() }),
    notReady,
    metrics: () => {
      service()?.refreshMetrics?.();
      return env.metrics.render();
    },
    config: () => describeConfig(program, loaded),
  };
  try {
    return await startStatusServer(address, sources);
  } catch (error) {
    const text = `cannot listen on ${address}: ${errorMessage(error)}`;
    if (!isOptional) throw new StartError(`status page: ${text}`, EXIT.failure);
    env.logger.warn('no status page: choose an address with --status-addr', { reason: text });
    return undefined;
  }
}

/** Key → value and where it came from. */
function describeConfig<T>(program: Program<T>, loaded: Loaded<T>): object {
  const values = loaded.values as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    settingsOf(program.schema).map(([property, setting]) => [
      setting.key,
      { value: values[property], from: loaded.origins[property] },
    ]),
  );
}

/** The same failure in words that name a way out, where there is one. */
async function explained<T extends CommonSettings>(
  program: ServiceProgram<T>,
  settings: T,
  error: unknown,
): Promise<unknown> {
  if (isListenError(error)) {
    const address = program.serviceAddress(settings);
    const place = statusPlace(AUTO, address, program.statusPortOffset);
    const help = { address, flag: program.addressFlag, statusAddress: place?.address };
    return listenFailure(error, help);
  }
  const folder = program.dataDir?.(settings);
  return (folder === undefined ? undefined : permissionFailure(error, folder)) ?? error;
}
