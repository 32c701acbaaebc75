import { applyNow, type Invocation, invoke } from './command/invoke.js';
import type { DataCommand, GatewayState, SessionState } from './commands/spec.js';
import type { OneKeyStep, OneKeyUse, SnapshotStep, Work } from './job.js';
import type { RedisTxn, TouchedKey } from './model/redis-txn.js';
import type { Request } from './resp/request.js';
import type { Reply } from './resp/types.js';

/** A command on its own, as work: the record that goes from the session through the queue and the turn. */
export class DataWork implements Work, Invocation, OneKeyStep {
  readonly spec: DataCommand;
  readonly argv: Request;
  readonly plan: unknown;
  readonly session: SessionState;
  readonly gateway: GatewayState;
  readonly db: number;
  /** The keys whose latches it takes. */
  writes: readonly TouchedKey[] = [];
  flushes: readonly number[] = [];
  readonly batchable = true;
  /** Itself, when it touches one key and needs no transaction. */
  step: OneKeyStep | undefined;
  /** The step of a command that reads these keys and nothing else. */
  snapshot: SnapshotStep | undefined;
  touched: TouchedKey;
  use: OneKeyUse | 'reads' = 'reads';

  constructor(
    spec: DataCommand,
    argv: Request,
    plan: unknown,
    session: SessionState,
    gateway: GatewayState,
  ) {
    this.spec = spec;
    this.argv = argv;
    this.plan = plan;
    this.session = session;
    this.gateway = gateway;
    this.db = session.db;
    this.touched = { db: session.db, key: argv[0]! };
  }

  get client(): SessionState {
    return this.session;
  }

  /** It touches this key alone. */
  touches(key: TouchedKey): void {
    this.touched = key;
    const use = this.spec.writes ? this.spec.oneKey?.(this.argv, this.plan) : 'reads';
    if (use === undefined) return;
    this.use = use;
    this.step = this;
  }

  /** It reads these keys alone. */
  reads(keys: readonly TouchedKey[]): void {
    this.snapshot = { keys, step: this };
  }

  run(txn: RedisTxn): Reply | Promise<Reply> {
    return invoke(this, txn, this.db);
  }

  apply(txn: RedisTxn): Reply {
    return applyNow(this, txn, this.db);
  }
}
