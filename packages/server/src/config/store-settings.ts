import { assert, limits } from '@tinykv/base';
import type { ApiMode } from '@tinykv/model';
import { AUTO, checkStatusAddress, statusDoc } from '../status-address.js';
import { ENGINES, type EngineKind, isEngineKind } from '../storage.js';
import {
  checkAddress,
  checkLogLevel,
  checkOptionalTarget,
  checkPositive,
  checkSchedulers,
} from './checks.js';
import { ConfigError } from './load.js';
import type { Schema } from './setting.js';

/** TiKV's distance: 20160 and 20180. */
export const STATUS_PORT_OFFSET = 20;
/** A request of a client is answered, if only with "unknown", within this. */
export const REQUEST_TIMEOUT_MS = 15_000;

/** Settings of `tinykv-server`: times in milliseconds, sizes in bytes. */
export interface StoreSettings {
  readonly addr: string;
  /** Empty: the same as `addr`. */
  readonly advertiseAddr: string;
  /** Empty: no status server; `auto`: follows `addr`. */
  readonly statusAddr: string;
  readonly scheduler: readonly string[];
  readonly path: string;
  readonly raft: boolean;
  readonly api: string;
  readonly engine: string;
  readonly reserveSpace: number;
  readonly minFreeSpace: number;
  readonly logLevel: string;
  readonly logFile: string;
  readonly raftTickInterval: number;
  readonly raftHeartbeatTicks: number;
  readonly raftElectionTicks: number;
  readonly raftLogGcInterval: number;
  readonly raftLogGcEntries: number;
  readonly snapshotRate: number;
  readonly raftLogGcSize: number;
  readonly raftLogGcAge: number;
  readonly raftMemoryLimit: number;
  readonly splitCheckInterval: number;
  readonly regionMaxSize: number;
  readonly regionSplitSize: number;
  readonly regionHeartbeatInterval: number;
  readonly storeHeartbeatInterval: number;
}

export const storeSchema: Schema<StoreSettings> = {
  addr: {
    kind: 'string',
    key: 'server.addr',
    default: '127.0.0.1:20160',
    flags: ['addr'],
    short: 'A',
    placeholder: 'host:port',
    doc: 'Where the store listens.',
    check: checkAddress,
  },
  advertiseAddr: {
    kind: 'string',
    key: 'server.advertise-addr',
    default: '',
    flags: ['advertise-addr'],
    placeholder: 'host:port',
    doc: 'What clients and other stores connect to, when it is not addr.',
    check: checkOptionalTarget,
  },
  statusAddr: {
    kind: 'string',
    key: 'server.status-addr',
    default: AUTO,
    flags: ['status-addr'],
    placeholder: 'host:port',
    doc: statusDoc(STATUS_PORT_OFFSET),
    check: checkStatusAddress,
  },
  scheduler: {
    kind: 'list',
    key: 'server.scheduler',
    default: ['127.0.0.1:2379'],
    flags: ['scheduler', 'pd-endpoints'],
    extraEnv: 'TINYKV_SCHEDULER',
    placeholder: 'host:port,…',
    doc: 'The schedulers of the cluster.',
    check: checkSchedulers,
  },
  path: {
    kind: 'string',
    key: 'storage.path',
    default: 'tinykv-data',
    flags: ['path', 'data-dir'],
    short: 's',
    placeholder: 'folder',
    doc: 'The data folder.',
  },
  raft: {
    kind: 'bool',
    key: 'raftstore.enabled',
    default: true,
    flags: ['raft'],
    doc: 'False: one store alone, without Raft, that gives out its own timestamps.',
  },
  api: {
    kind: 'string',
    key: 'storage.api',
    default: 'txn',
    flags: ['api'],
    placeholder: 'txn|raw',
    doc: 'How a new cluster locates keys; one that exists keeps what it has.',
    check: (api) => (api === 'txn' || api === 'raw' ? undefined : `"${api}" is not txn or raw`),
  },
  engine: {
    kind: 'string',
    key: 'storage.engine',
    default: 'level',
    flags: ['engine'],
    placeholder: ENGINES.join('|'),
    doc: 'What keeps the data: LevelDB, a log with all keys in memory, or memory alone. A folder keeps its own.',
    check: (engine) =>
      isEngineKind(engine) ? undefined : `"${engine}" is none of ${ENGINES.join(', ')}`,
  },
  reserveSpace: {
    kind: 'size',
    key: 'storage.reserve-space',
    default: 67_108_864,
    flags: ['reserve-space'],
    doc: 'Disk space set aside for a start on a full disk; 0: none. LevelDB under many writes may need 192 MiB.',
  },
  minFreeSpace: {
    kind: 'size',
    key: 'storage.min-free-space',
    default: 268_435_456,
    flags: ['min-free-space'],
    doc: 'With less of the disk free puts are refused, deletes are not; 0: never.',
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
  raftTickInterval: {
    kind: 'duration',
    key: 'raftstore.tick-interval',
    default: 100,
    flags: ['raft-tick-interval'],
    doc: 'One tick of Raft.',
    check: checkPositive,
  },
  raftHeartbeatTicks: {
    kind: 'int',
    key: 'raftstore.heartbeat-ticks',
    default: 2,
    flags: [],
    doc: 'Ticks between the heartbeats of a leader.',
    check: checkPositive,
  },
  raftElectionTicks: {
    kind: 'int',
    key: 'raftstore.election-ticks',
    default: 10,
    flags: [],
    doc: 'Ticks without a leader before an election; randomized up to twice as many.',
  },
  raftLogGcInterval: {
    kind: 'duration',
    key: 'raftstore.log-gc-interval',
    default: 10_000,
    flags: [],
    doc: 'How often old log entries are dropped.',
    check: checkPositive,
  },
  raftLogGcEntries: {
    kind: 'int',
    key: 'raftstore.log-gc-entries',
    default: 10_000,
    flags: ['raft-log-gc-entries'],
    doc: 'Applied entries kept for followers that lag; farther behind, they get a snapshot.',
  },
  snapshotRate: {
    kind: 'size',
    key: 'raftstore.snapshot-rate',
    default: 104_857_600,
    flags: ['snapshot-rate'],
    doc: 'Bytes per second of all snapshots that the store sends, together.',
    check: checkPositive,
  },
  raftLogGcSize: {
    kind: 'size',
    key: 'raftstore.log-gc-size',
    default: limits.raftLogKeptBytesMax,
    flags: ['raft-log-gc-size'],
    doc: 'Bytes of applied entries of one Region kept for followers that lag, whatever their number.',
    check: checkPositive,
  },
  raftLogGcAge: {
    kind: 'duration',
    key: 'raftstore.log-gc-age',
    default: 60_000,
    flags: ['raft-log-gc-age'],
    doc: 'Entries that every peer of their Region has are dropped after one to two times this.',
    check: checkPositive,
  },
  raftMemoryLimit: {
    kind: 'size',
    key: 'raftstore.memory-limit',
    default: limits.storeMemoryBytesMax,
    flags: ['raft-memory-limit'],
    doc: 'What the logs of all Regions may hold in memory; past it, writes are answered busy.',
    check: checkPositive,
  },
  splitCheckInterval: {
    kind: 'duration',
    key: 'raftstore.split-check-interval',
    default: 10_000,
    flags: ['split-check-interval'],
    doc: 'How often Regions are measured.',
    check: checkPositive,
  },
  regionMaxSize: {
    kind: 'size',
    key: 'raftstore.region-max-size',
    default: 402_653_184,
    flags: ['region-max-size'],
    doc: 'A Region larger than this is split …',
    check: checkPositive,
  },
  regionSplitSize: {
    kind: 'size',
    key: 'raftstore.region-split-size',
    default: 268_435_456,
    flags: ['region-split-size'],
    doc: '… into pieces of about this size.',
    check: checkPositive,
  },
  regionHeartbeatInterval: {
    kind: 'duration',
    key: 'raftstore.region-heartbeat-interval',
    default: 10_000,
    flags: ['region-heartbeat-interval'],
    doc: 'How often leaders report to the scheduler when nothing has changed.',
    check: checkPositive,
  },
  storeHeartbeatInterval: {
    kind: 'duration',
    key: 'raftstore.store-heartbeat-interval',
    default: 10_000,
    flags: ['store-heartbeat-interval'],
    doc: 'How often the store reports to the scheduler.',
    check: checkPositive,
  },
};

export function validateStoreSettings(settings: StoreSettings): void {
  if (settings.raftElectionTicks <= settings.raftHeartbeatTicks) {
    throw new ConfigError(
      `raftstore.election-ticks (${settings.raftElectionTicks}) must be above ` +
        `raftstore.heartbeat-ticks (${settings.raftHeartbeatTicks})`,
    );
  }
  if (settings.regionSplitSize > settings.regionMaxSize) {
    throw new ConfigError(
      `raftstore.region-split-size (${settings.regionSplitSize}) must not be above ` +
        `raftstore.region-max-size (${settings.regionMaxSize})`,
    );
  }
  const host = settings.addr.slice(0, settings.addr.lastIndexOf(':'));
  const isWildcard = host === '0.0.0.0' || host === '[::]';
  if (isWildcard && settings.advertiseAddr === '') {
    throw new ConfigError(
      `server.addr ${settings.addr} listens everywhere: server.advertise-addr must say where others reach it`,
    );
  }
}

export function apiOf(settings: StoreSettings): ApiMode {
  return settings.api === 'raw' ? 'raw' : 'txn';
}

export function engineOf({ engine }: StoreSettings): EngineKind {
  assert(isEngineKind(engine), () => `engine ${engine}`);
  return engine;
}

/** An engine in memory has no use for a disk. */
export function reserveBytesOf(settings: StoreSettings): number {
  return engineOf(settings) === 'memory' ? 0 : settings.reserveSpace;
}

export function minFreeBytesOf(settings: StoreSettings): number {
  return engineOf(settings) === 'memory' ? 0 : settings.minFreeSpace;
}
