import { AUTO, checkStatusAddress, statusDoc } from '../status-address.js';
import { checkAddress, checkLogLevel, checkPositive } from './checks.js';
import { ConfigError } from './load.js';
import type { Schema } from './setting.js';

/** 2380 is for other members. */
export const STATUS_PORT_OFFSET = 2;

/** Settings of `scheduler`: times in milliseconds. Its flags are those of tinyscheduler-server. */
export interface SchedulerSettings {
  readonly name: string;
  /** Empty: `default.<name>`. */
  readonly dataDir: string;
  readonly clientUrls: readonly string[];
  /** Empty: the same as `clientUrls`. */
  readonly advertiseClientUrls: readonly string[];
  readonly peerUrls: readonly string[];
  readonly advertisePeerUrls: readonly string[];
  readonly initialCluster: string;
  readonly forceNewCluster: boolean;
  readonly statusAddr: string;
  readonly logLevel: string;
  readonly logFile: string;
  readonly cacert: string;
  readonly cert: string;
  readonly tlsKey: string;
  readonly maxReplicas: number;
  readonly patrolRegionInterval: number;
  readonly maxStoreDownTime: number;
  readonly leaderScheduleLimit: number;
  readonly regionScheduleLimit: number;
  readonly replicaScheduleLimit: number;
  readonly gcLifeTime: number;
  readonly gcRunInterval: number;
}

const tls = { kind: 'string', default: '', placeholder: 'file', check: refuseTls } as const;

export const schedulerSchema: Schema<SchedulerSettings> = {
  name: {
    kind: 'string',
    key: 'name',
    default: '',
    flags: ['name'],
    placeholder: 'name',
    doc: 'The name of this member; pd-<hostname> when empty.',
    check: (name) => (/^[\w.-]*$/.test(name) ? undefined : `"${name}" is not a plain name`),
  },
  dataDir: {
    kind: 'string',
    key: 'data-dir',
    default: '',
    flags: ['data-dir'],
    placeholder: 'folder',
    doc: 'The data folder; default.<name> when empty.',
  },
  clientUrls: {
    kind: 'list',
    key: 'client-urls',
    default: ['http://127.0.0.1:2379'],
    flags: ['client-urls'],
    placeholder: 'url',
    doc: 'Where it listens.',
    check: checkOneUrl,
  },
  advertiseClientUrls: {
    kind: 'list',
    key: 'advertise-client-urls',
    default: [],
    flags: ['advertise-client-urls'],
    placeholder: 'url,…',
    doc: 'What clients connect to, when it is not client-urls.',
    check: checkUrls,
  },
  peerUrls: {
    kind: 'list',
    key: 'peer-urls',
    default: ['http://127.0.0.1:2380'],
    flags: ['peer-urls'],
    placeholder: 'url,…',
    doc: 'Where other members connect to; not used by a single member.',
    check: checkUrls,
  },
  advertisePeerUrls: {
    kind: 'list',
    key: 'advertise-peer-urls',
    default: [],
    flags: ['advertise-peer-urls'],
    placeholder: 'url,…',
    doc: 'What other members connect to, when it is not peer-urls.',
    check: checkUrls,
  },
  initialCluster: {
    kind: 'string',
    key: 'initial-cluster',
    default: '',
    flags: ['initial-cluster'],
    placeholder: 'name=url,…',
    doc: 'The members of a new cluster; empty: this one alone.',
    check: checkMembers,
  },
  forceNewCluster: {
    kind: 'bool',
    key: 'force-new-cluster',
    default: false,
    flags: ['force-new-cluster'],
    doc: 'Taken for compatibility; a single member needs nothing forced.',
  },
  statusAddr: {
    kind: 'string',
    key: 'status-addr',
    default: AUTO,
    flags: ['status-addr'],
    placeholder: 'host:port',
    doc: statusDoc(STATUS_PORT_OFFSET),
    check: checkStatusAddress,
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
  cacert: { ...tls, key: 'security.cacert-path', flags: ['cacert'], doc: 'Not supported yet.' },
  cert: { ...tls, key: 'security.cert-path', flags: ['cert'], doc: 'Not supported yet.' },
  tlsKey: { ...tls, key: 'security.key-path', flags: ['key'], doc: 'Not supported yet.' },
  maxReplicas: {
    kind: 'int',
    key: 'replication.max-replicas',
    default: 3,
    flags: ['max-replicas'],
    doc: 'Voters that every Region is given.',
    check: checkPositive,
  },
  patrolRegionInterval: {
    kind: 'duration',
    key: 'schedule.patrol-region-interval',
    default: 100,
    flags: [],
    doc: 'How often Regions are looked over.',
    check: checkPositive,
  },
  maxStoreDownTime: {
    kind: 'duration',
    key: 'schedule.max-store-down-time',
    default: 1_800_000,
    flags: ['max-store-down-time'],
    doc: 'A store silent for this long is replaced.',
    check: checkPositive,
  },
  leaderScheduleLimit: {
    kind: 'int',
    key: 'schedule.leader-schedule-limit',
    default: 4,
    flags: [],
    doc: 'Leader transfers for balance at once.',
  },
  regionScheduleLimit: {
    kind: 'int',
    key: 'schedule.region-schedule-limit',
    default: 2048,
    flags: [],
    doc: 'Region moves for balance at once.',
  },
  replicaScheduleLimit: {
    kind: 'int',
    key: 'schedule.replica-schedule-limit',
    default: 64,
    flags: [],
    doc: 'Repairs of replicas at once.',
  },
  gcLifeTime: {
    kind: 'duration',
    key: 'gc.life-time',
    default: 600_000,
    flags: ['gc-life-time'],
    doc: 'Versions that were replaced this long ago may be collected, until ctl gc set says otherwise; 0s: none.',
  },
  gcRunInterval: {
    kind: 'duration',
    key: 'gc.run-interval',
    default: 60_000,
    flags: ['gc-run-interval'],
    doc: 'How often that is looked at.',
    check: checkPositive,
  },
};

function refuseTls(value: string): string | undefined {
  return value === '' ? undefined : 'TLS is not supported yet';
}

function checkUrls(urls: readonly string[]): string | undefined {
  for (const url of urls) {
    if (!isUrl(url)) return `"${url}" is not a URL such as http://127.0.0.1:2379`;
  }
  return undefined;
}

function isUrl(url: string): boolean {
  return /^http:\/\/[^\s/]+\/?$/.test(url) && checkAddress(addressOfUrl(url)) === undefined;
}

/** Nothing, or `name=url,…`. */
function checkMembers(text: string): string | undefined {
  const members = text === '' ? [] : text.split(',');
  const bad = members.find(
    (member) => !/^[^=]+=/.test(member) || !isUrl(member.replace(/^[^=]+=/, '')),
  );
  return bad === undefined ? undefined : `"${bad}" is not a member such as a=http://127.0.0.1:2380`;
}

function checkOneUrl(urls: readonly string[]): string | undefined {
  return urls.length === 1 ? checkUrls(urls) : 'exactly one URL is needed';
}

/** `http://127.0.0.1:2379` → `127.0.0.1:2379`. */
export function addressOfUrl(url: string): string {
  return url.replace(/^http:\/\//, '').replace(/\/$/, '');
}

export function validateSchedulerSettings(settings: SchedulerSettings): void {
  const host = addressOfUrl(settings.clientUrls[0] ?? '').replace(/:\d+$/, '');
  if ((host === '0.0.0.0' || host === '[::]') && settings.advertiseClientUrls.length === 0) {
    throw new ConfigError(
      'client-urls listens everywhere: advertise-client-urls must say where clients reach it',
    );
  }
}
