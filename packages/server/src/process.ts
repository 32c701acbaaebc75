import { errorMessage, InvariantError, KvError, type Logger } from '@tinykv/base';
import { StoreRefusedError } from '@tinykv/model';
import { EXIT } from './config/command-line.js';
import { StartError } from './start-error.js';

/** A process that works until it is told to stop. */
export interface Running {
  /**
   * Stops accepting, lets running work finish, closes its files. After SIGINT the whole cluster stops as
   * a rule (Ctrl-C, a playground that ends): nothing is handed over to others then.
   */
  stop(signal: NodeJS.Signals): Promise<void>;
}

export interface ProcessMain {
  readonly name: string;
  readonly logger: Logger;
  readonly logsToStderr: boolean;
  /** `fatal` ends the process: a disk failed, or an invariant broke where no caller could see it. */
  start(fatal: (error: unknown) => void): Promise<Running>;
}

/** How long `stop` may take before the process leaves anyway. */
const DRAIN_MS = 10_000;

const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const;

/**
 * Runs a server process to its end. The first signal drains and exits 0, a second one exits 1 at once. What
 * nobody caught (a broken invariant above all) is logged and ends the process: recovery starts from disk.
 */
export async function runProcess(main: ProcessMain): Promise<never> {
  const { logger } = main;
  const exit = (code: number): never => process.exit(code);
  const die = (error: unknown): never => {
    if (error instanceof StoreRefusedError) {
      // Nothing is broken: the process only must not go on.
      logger.error('stopped: this process may not go on', { error: error.message });
      if (!main.logsToStderr) process.stderr.write(`${main.name}: ${error.message}\n`);
      return exit(EXIT.failure);
    }
    if (error instanceof KvError && error.code === 'RESOURCE_EXHAUSTED') {
      // The user can mend it, and the next start has a reserve to begin with.
      logger.error('stopped: the disk is full', { error: error.message });
      if (!main.logsToStderr) process.stderr.write(`${main.name}: ${error.message}\n`);
      return exit(EXIT.failure);
    }
    logger.error('stopped by an error that nothing handles', {
      kind: error instanceof InvariantError ? 'broken invariant' : 'uncaught',
      error: errorMessage(error),
      stack: error instanceof Error ? error.stack : undefined,
    });
    return exit(EXIT.failure);
  };
  process.on('uncaughtException', die);
  process.on('unhandledRejection', die);

  let running: Running | undefined;
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) {
      logger.warn('second signal: leaving at once', { signal });
      exit(EXIT.failure);
    }
    stopping = true;
    logger.info('stopping', { signal });
    if (running === undefined) exit(EXIT.ok);
    else void drain(running, signal, logger).then(exit);
  };
  for (const signal of STOP_SIGNALS) process.on(signal, onSignal);
  // Started by a playground: when its end of the channel closes, nobody is left to stop this process.
  if (process.channel !== undefined) process.on('disconnect', () => onSignal('SIGINT'));

  try {
    running = await main.start(die);
  } catch (error) {
    exit(reportStartFailure(main, error));
  }
  return new Promise<never>(() => undefined);
}

async function drain(running: Running, signal: NodeJS.Signals, logger: Logger): Promise<number> {
  const late = setTimeout(() => {
    logger.error('still not stopped: leaving', { afterMs: DRAIN_MS });
    process.exit(EXIT.failure);
  }, DRAIN_MS);
  try {
    await running.stop(signal);
    logger.info('stopped');
    return EXIT.ok;
  } catch (error) {
    logger.error('failed to stop', { error: errorMessage(error) });
    return EXIT.failure;
  } finally {
    clearTimeout(late);
  }
}

/** One line for what the user can mend, a stack for what only we can. Returns the exit code. */
function reportStartFailure(main: ProcessMain, error: unknown): number {
  const message = errorMessage(error);
  const isExplained = error instanceof StartError || error instanceof KvError;
  const stack = !isExplained && error instanceof Error ? error.stack : undefined;
  process.stderr.write(`${main.name}: ${stack ?? message}\n`);
  if (!main.logsToStderr) main.logger.error('cannot start', { error: message, stack });
  if (error instanceof StartError) return error.exitCode;
  const isUnavailable =
    error instanceof KvError &&
    (error.code === 'UNAVAILABLE' || error.code === 'DEADLINE_EXCEEDED');
  return isUnavailable ? EXIT.unavailable : EXIT.failure;
}
