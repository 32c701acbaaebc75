import type { Env, Result } from '@tinykv/base';
import type { Keyed } from '../command/keys.js';
import type { GatewayConfig } from '../config.js';
import type { Epochs } from '../epochs/epochs.js';
import type { OneKeyUse, Work } from '../job.js';
import type { ExpirySchedule } from '../model/expiry-schedule.js';
import type { Database } from '../model/redis-txn.js';
import type { Request } from '../resp/request.js';
import type { ProtocolVersion, Reply } from '../resp/types.js';
import type { TtlClock } from '../ttl-clock.js';

/** Time that this process has spent on the processor. */
export interface CpuTimes {
  readonly userMicroseconds: number;
  readonly systemMicroseconds: number;
}

interface HandlerBase {
  /** As the table of facts has it: in lower case, a sub-command as `parent|name`. */
  readonly name: string;
  /** Begins at once inside MULTI, where other commands are queued. */
  readonly passesMulti?: true;
}

/** Works on the session and the gateway alone, at once and in its place among the session's replies. */
export interface SessionHandler extends HandlerBase {
  readonly kind: 'session';
  run(call: Call): Reply;
}

/**
 * Works on a database in a transaction: a plan, and a synchronous step that is the same for a single command, in EXEC, and
 * with others of its key.
 */
export interface DataHandler<P = unknown> extends HandlerBase {
  readonly kind: 'data';
  /** Reads the arguments alone: the plan of the command, or its answer when they are wrong. */
  parse?(argv: Request): Result<P, Reply>;
  /**
   * Computes the answer from what is loaded and writes into the database. Contract: deterministic; what answers an error has
   * written nothing; what it reads and is not loaded throws NEEDS_MORE, before it has written anything, and it runs again
   * from its start once that is loaded, or in another transaction.
   */
  apply(call: DataCall, plan: P): Reply;
  /** The same for a request of more keys than one turn serves. At each `yield` what it wants is loaded, and others have their turn. */
  steps?(call: DataCall, plan: P): Steps;
  /** Keys of which it is enough to know whether they are there. */
  readonly headsOnly?: true;
  /** How it uses its one key, if it needs nothing else; undefined: it may need more. */
  oneKey?(argv: Request, plan: P): OneKeyUse | undefined;
  /** Databases that it empties, which has to be prepared before its transaction (`epochs/epochs.ts`). */
  flushes?(argv: Request, db: number, databases: number): readonly number[];
}

/** The step of a command of many keys. */
export type Steps = Generator<void, Reply, void>;

/** Runs alone in its session: nothing else of it runs then, and nothing begins before it is done. */
export interface AloneHandler extends HandlerBase {
  readonly kind: 'alone';
  /** The work that it runs in a transaction, or its answer when there is nothing to run. */
  plan(call: Call): Work | Reply;
  /** The rest, to be done once its work is answered. */
  done?(call: Call): void;
}

/** Carries out a command: `command/attach.ts` puts it together with what the table says of the command. */
export type Handler = SessionHandler | DataHandler | AloneHandler;

/** The common part of all commands, whoever carries them out. */
export interface Attached extends Keyed {
  readonly name: string;
  readonly arity: number;
  /** By their names without the parent's. */
  readonly subcommands: ReadonlyMap<string, CommandSpec> | undefined;
  readonly writes: boolean;
  readonly passesMulti: boolean;
}

export type SessionCommand = Attached & Pick<SessionHandler, 'kind' | 'run'>;
export type DataCommand = Attached &
  Pick<DataHandler, 'kind' | 'apply'> & {
    readonly parse: DataHandler['parse'];
    readonly steps: DataHandler['steps'];
    readonly headsOnly: boolean;
    readonly oneKey: DataHandler['oneKey'];
    readonly flushes: DataHandler['flushes'];
  };
export type AloneCommand = Attached &
  Pick<AloneHandler, 'kind' | 'plan'> & { readonly done: AloneHandler['done'] };
export type CommandSpec = SessionCommand | DataCommand | AloneCommand;

export interface Call {
  readonly argv: Request;
  readonly session: SessionState;
  readonly gateway: GatewayState;
}

export interface DataCall extends Call {
  /** The session's database in the running transaction. */
  readonly db: Database;
}

/** MULTI and WATCH of a session, as commands see and change them. */
export interface TransactionState {
  /** Between MULTI and EXEC or DISCARD. */
  readonly active: boolean;
  /** A command could not be queued: EXEC refuses. */
  readonly broken: boolean;
  readonly watchedKeys: number;
  begin(): void;
  /** Leaves MULTI and forgets what was watched. */
  reset(): void;
  /** Remembers what the keys are in the transaction of this database. */
  watch(db: Database, keys: readonly Uint8Array[]): Promise<void>;
  unwatch(): void;
  /** The transaction of EXEC. */
  work(session: SessionState, gateway: GatewayState): Work;
}

/** What commands see and change of a session. */
export interface SessionState {
  readonly id: number;
  /** Its connection is closed: nobody waits for answers. */
  readonly isGone: boolean;
  readonly address: string;
  readonly localAddress: string;
  readonly createdMono: number;
  readonly lastActiveMono: number;
  name: string;
  db: number;
  protocol: ProtocolVersion;
  noEvict: boolean;
  libraryName: string;
  libraryVersion: string;
  /** Requests that wait, bytes of replies that wait. */
  readonly queued: number;
  readonly outputBytes: number;
  /** Bytes of requests that were not begun; memory of those that run, of what MULTI and WATCH keep, and of it all. */
  readonly queryBytes: number;
  readonly argumentBytes: number;
  readonly multiBytes: number;
  readonly heldBytes: number;
  /** Commands queued since MULTI; undefined outside of it. */
  readonly multiLength: number | undefined;
  lastCommand: string;
  readonly transaction: TransactionState;
  setReplyMode(mode: 'on' | 'off' | 'skip'): void;
  /** Begins nothing more, and closes the connection when what was begun is answered. */
  quit(): void;
  /** Closes the connection; one's own only after the reply. */
  kill(): void;
}

export interface CommandStats {
  calls: number;
  failed: number;
  rejected: number;
  microseconds: number;
}

/** What commands see and change of the gateway. */
export interface GatewayState {
  readonly env: Env;
  readonly config: GatewayConfig;
  readonly epochs: Epochs;
  readonly ttlClock: TtlClock;
  readonly expiries: ExpirySchedule;
  readonly parameters: Map<string, string>;
  readonly startedMono: number;
  readonly runId: string;
  readonly port: number;
  readonly stats: GatewayStats;
  readonly cpu: () => CpuTimes;
  readonly commandStats: Map<string, CommandStats>;
  sessions(): Iterable<SessionState>;
}

export interface GatewayStats {
  connectedClients: number;
  connectionsReceived: number;
  connectionsRejected: number;
  commandsProcessed: number;
  errorReplies: number;
  bytesReceived: number;
  bytesSent: number;
  txnConflicts: number;
  txnUndetermined: number;
  expiredKeys: number;
  collectedKeys: number;
  /** Keys whose expiry entry lay in another Region: their slot was split. */
  expiriesApart: number;
}

export function newGatewayStats(): GatewayStats {
  return {
    connectedClients: 0,
    connectionsReceived: 0,
    connectionsRejected: 0,
    commandsProcessed: 0,
    errorReplies: 0,
    bytesReceived: 0,
    bytesSent: 0,
    txnConflicts: 0,
    txnUndetermined: 0,
    expiredKeys: 0,
    collectedKeys: 0,
    expiriesApart: 0,
  };
}

/** The counts of a command, which begin with its first call. */
export function statsOf({ commandStats }: GatewayState, spec: CommandSpec): CommandStats {
  let entry = commandStats.get(spec.name);
  if (entry === undefined) {
    entry = { calls: 0, failed: 0, rejected: 0, microseconds: 0 };
    commandStats.set(spec.name, entry);
  }
  return entry;
}
