import {
  AUTO,
  ConfigError,
  checkAddress,
  checkLogLevel,
  checkSchedulers,
  checkStatusAddress,
  type Schema,
  statusDoc,
} from '@tinykv/server';

/** Less than this is over before a busy cluster has answered. */
const COMMAND_TIMEOUT_MIN_MS = 100;

export const STATUS_PORT_OFFSET = 2;

/** Settings of `tinykv-gateway`. */
export interface GatewaySettings {
  readonly addr: string;
  readonly statusAddr: string;
  readonly scheduler: readonly string[];
  readonly instance: number;
  readonly databases: number;
  readonly clientsMax: number;
  readonly commandTimeout: number;
  readonly logLevel: string;
  readonly logFile: string;
}

export const gatewaySchema: Schema<GatewaySettings> = {
  addr: {
    kind: 'string',
    key: 'gateway.addr',
    default: '127.0.0.1:6379',
    flags: ['addr'],
    short: 'A',
    placeholder: 'host:port',
    doc: 'Where Redis clients connect to.',
    check: checkAddress,
  },
  statusAddr: {
    kind: 'string',
    key: 'gateway.status-addr',
    default: AUTO,
    flags: ['status-addr'],
    placeholder: 'host:port',
    doc: statusDoc(STATUS_PORT_OFFSET),
    check: checkStatusAddress,
  },
  scheduler: {
    kind: 'list',
    key: 'gateway.scheduler',
    default: ['127.0.0.1:2379'],
    flags: ['scheduler', 'pd-endpoints'],
    extraEnv: 'TINYKV_SCHEDULER',
    placeholder: 'host:port,…',
    doc: 'The schedulers of the cluster.',
    check: checkSchedulers,
  },
  instance: {
    kind: 'int',
    key: 'gateway.instance',
    default: 1,
    flags: ['instance'],
    doc: 'Tenant: the databases of different instances share nothing.',
  },
  databases: {
    kind: 'int',
    key: 'gateway.databases',
    default: 16,
    flags: ['databases'],
    doc: 'Databases for SELECT.',
    check: (count) => (count >= 1 && count <= 65_536 ? undefined : 'must be from 1 to 65536'),
  },
  clientsMax: {
    kind: 'int',
    key: 'gateway.clients-max',
    default: 10_000,
    flags: ['clients-max'],
    doc: 'Clients that may be connected at once.',
  },
  commandTimeout: {
    kind: 'duration',
    key: 'gateway.command-timeout',
    default: 10_000,
    flags: ['command-timeout'],
    placeholder: 'time',
    doc: 'How long a command may take; then its answer is an error that says whether it may have been applied.',
    check: (ms) => (ms >= COMMAND_TIMEOUT_MIN_MS ? undefined : 'must be 100ms or more'),
  },
  logLevel: {
    kind: 'string',
    key: 'log.level',
    default: 'info',
    flags: ['log-level', 'loglevel'],
    short: 'L',
    placeholder: 'level',
    doc: 'debug, info, warn or error.',
    extraEnv: 'LOG_LEVEL',
    check: checkLogLevel,
  },
  logFile: {
    kind: 'string',
    key: 'log.file',
    default: '',
    flags: ['log-file'],
    short: 'f',
    placeholder: 'file',
    doc: 'Where the log goes instead of standard error.',
  },
};

export function validateGatewaySettings(settings: GatewaySettings): void {
  if (settings.addr === settings.statusAddr) {
    throw new ConfigError(`gateway.addr and gateway.status-addr are both ${settings.addr}`);
  }
}
