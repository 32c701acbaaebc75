import { KvError, type Logger } from '@tinykv/base';
import { destination, type Logger as Pino, pino, stdTimeFunctions } from 'pino';

type Fields = Readonly<Record<string, unknown>>;

export interface LoggerOptions {
  /** In every line, as `name`. */
  readonly name: string;
  /** debug, info, warn, error or fatal, in any case; else the environment's LOG_LEVEL, else info. */
  readonly logLevel?: string;
  /** Appended to; its folder is made if need be. Without it lines go to stderr. */
  readonly logFile?: string;
}

const levels = new Map([
  ['debug', 'debug'],
  ['info', 'info'],
  ['warn', 'warn'],
  ['warning', 'warn'],
  ['error', 'error'],
  ['fatal', 'fatal'],
]);

/** One JSON object a line. Written synchronously, so that the last words of a process are not lost. */
export function createLogger(options: LoggerOptions): Logger {
  const level = parseLevel(options.logLevel ?? process.env['LOG_LEVEL'] ?? 'info');
  const target = destination(
    options.logFile === undefined
      ? { fd: 2, sync: true }
      : { dest: options.logFile, mkdir: true, append: true, sync: true },
  );
  return new PinoLogger(
    pino(
      {
        name: options.name,
        level,
        timestamp: stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      target,
    ),
  );
}

function parseLevel(text: string): string {
  const level = levels.get(text.toLowerCase());
  if (level !== undefined) return level;
  const known = [...levels.keys()].join(', ');
  throw new KvError('INVALID_ARGUMENT', `unknown log level ${text}: one of ${known}`);
}

class PinoLogger implements Logger {
  readonly #pino: Pino;

  constructor(target: Pino) {
    this.#pino = target;
  }

  debug(message: string, fields: Fields = {}): void {
    this.#pino.debug(fields, message);
  }

  info(message: string, fields: Fields = {}): void {
    this.#pino.info(fields, message);
  }

  warn(message: string, fields: Fields = {}): void {
    this.#pino.warn(fields, message);
  }

  error(message: string, fields: Fields = {}): void {
    this.#pino.error(fields, message);
  }

  child(fields: Fields): Logger {
    return new PinoLogger(this.#pino.child(fields));
  }
}
