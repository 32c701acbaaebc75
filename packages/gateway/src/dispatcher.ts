import { limits } from '@tinykv/base';
import { keysOf } from './command/keys.js';
import {
  type CommandSpec,
  type ControlCommand,
  type DataCommand,
  type GatewayState,
  type SessionState,
  statsOf,
} from './commands/spec.js';
import type { CommandTable } from './commands/table.js';
import type { Executor } from './executor.js';
import type { Work } from './job.js';
import type { VersionReader } from './kv-port.js';
import type { TouchedKey } from './model/redis-txn.js';
import { MultiState } from './multi.js';
import {
  DISCARD_ALONE,
  EXEC_ABORT,
  EXEC_ALONE,
  EXEC_REFUSED,
  hasLongKey,
  isHttp,
  KEY_TOO_LONG,
  MULTI_NESTED,
  TOO_MANY_ARGUMENTS,
  TOO_MANY_WATCHED,
  WATCH_INSIDE,
} from './refusals.js';
import type { ReplyQueue } from './reply-queue.js';
import { type Request, requestMemory } from './resp/request.js';
import { OK, QUEUED, type Reply, simple } from './resp/types.js';
import { SessionOrder } from './session-order.js';

interface DispatcherContext {
  readonly gateway: GatewayState;
  readonly table: CommandTable;
  readonly executor: Executor;
  readonly versions: VersionReader;
}

interface DispatcherEvents {
  /** A command that was running has its reply. */
  settled(): void;
  /** The client wants no more after what was begun. */
  quit(): void;
}

const RESET = simple('RESET');

/**
 * Begins the commands of one session. Commands on different keys run at once; those on one key keep
 * their order; commands without keys, EXEC and WATCH run alone. A command that needs only the session
 * is done at once.
 */
export class Dispatcher {
  readonly multi: MultiState;
  readonly #session: SessionState;
  readonly #context: DispatcherContext;
  readonly #replies: ReplyQueue;
  readonly #events: DispatcherEvents;
  readonly #order = new SessionOrder();
  /** Commands that were begun and have not settled. */
  #running = 0;
  #runningBytes = 0;
  /** One of them runs alone. */
  #exclusive = false;

  constructor(
    session: SessionState,
    context: DispatcherContext,
    replies: ReplyQueue,
    events: DispatcherEvents,
  ) {
    this.#session = session;
    this.#context = context;
    this.#replies = replies;
    this.#events = events;
    this.multi = new MultiState(context.versions);
  }

  /** Memory of the requests that run, and of what MULTI and WATCH keep. */
  get heldBytes(): number {
    return this.#runningBytes + this.multi.heldBytes;
  }
  get runningBytes(): number {
    return this.#runningBytes;
  }

  get #gateway(): GatewayState {
    return this.#context.gateway;
  }

  /** Begins one request; false when it has to wait, and nothing has happened. */
  begin(argv: Request): boolean {
    if (this.#exclusive || this.#running >= limits.gatewaySessionInflightMax) return false;
    const found = this.#context.table.lookUp(argv);
    if (!found.ok) {
      if (found.spec !== undefined) statsOf(this.#gateway, found.spec).rejected++;
      const isExec = found.spec?.name === 'exec';
      if (isExec) this.multi.reset();
      this.#refuse(argv, isExec ? EXEC_REFUSED : found.error);
      return true;
    }
    const { spec } = found;
    if (spec.facts.keySpecs.length === 0 && argv.length > limits.gatewayPlainArgumentsMax) {
      this.#refuse(argv, TOO_MANY_ARGUMENTS);
      return true;
    }
    if (spec.kind === 'control') return this.#runControl(spec, argv);
    if (this.multi.active) return this.#enqueue(spec, argv);
    if (spec.kind === 'data') return this.#runData(spec, argv);
    return this.#runNow(spec, () =>
      spec.run({ argv, session: this.#session, gateway: this.#gateway }),
    );
  }

  #answer(reply: Reply): void {
    this.#replies.answer(reply, this.#session.protocol);
  }

  #refuse(argv: Request, reason: Reply): void {
    if (isHttp(argv)) {
      // Someone made a browser speak to this port: nothing that follows may run.
      const { address } = this.#session;
      this.#gateway.env.logger.warn('possible cross-protocol request, closed', { address });
      this.#session.kill();
      return;
    }
    this.multi.breakOff();
    this.#answer(reason);
  }

  #begun(spec: CommandSpec): void {
    this.#session.lastCommand = spec.name;
    this.#gateway.stats.commandsProcessed++;
  }

  #enqueue(spec: CommandSpec, argv: Request): true {
    this.#begun(spec);
    if (hasLongKey(keysOf(spec, argv))) {
      this.multi.breakOff();
      this.#answer(KEY_TOO_LONG);
    } else {
      this.#answer(this.multi.enqueue(spec, argv) ?? QUEUED);
    }
    return true;
  }

  #runNow(spec: CommandSpec, run: () => Reply): true {
    this.#begun(spec);
    const reply = run();
    const stats = statsOf(this.#gateway, spec);
    stats.calls++;
    if (reply.type === 'error') stats.failed++;
    this.#answer(reply);
    return true;
  }

  #runData(spec: DataCommand, argv: Request): boolean {
    const { executor } = this.#context;
    const { db } = this.#session;
    const keys = keysOf(spec, argv);
    if (hasLongKey(keys)) return this.#runNow(spec, () => KEY_TOO_LONG);
    if (keys.length === 0) {
      const flushes = spec.flushes?.(argv, db, this.#gateway.config.databases) ?? [];
      const work = this.#work(spec, argv, [], flushes);
      return this.#runAlone(spec, argv, () => executor.submit(work));
    }
    if (keys.length > limits.gatewayLatchedKeysMax) {
      return this.#runAlone(spec, argv, () => executor.submit(this.#work(spec, argv, [], [])));
    }
    const touched = keys.map((key): TouchedKey => ({ db, key }));
    const turn = this.#order.enter(touched, spec.writes);
    if (turn === undefined) return false;
    let reply: Promise<Reply>;
    if (turn.queued) reply = executor.submit(this.#work(spec, argv, touched, []));
    else if (keys.length === 1 && spec.range !== undefined)
      reply = executor.readOne(spec, argv, this.#session, db);
    else reply = executor.submit(this.#work(spec, argv, [], []));
    this.#await(spec, argv, reply, () => turn.leave());
    return true;
  }

  #work(
    spec: DataCommand,
    argv: Request,
    writes: readonly TouchedKey[],
    flushes: readonly number[],
  ): Work {
    const session = this.#session;
    const gateway = this.#gateway;
    const { db } = session;
    return {
      client: session,
      writes,
      flushes,
      batchable: true,
      oneKey: writes.length === 1 ? spec.oneKey?.(argv) : undefined,
      run: async (txn) => spec.run({ argv, session, gateway, db: txn.database(db) }),
    };
  }

  /** Waits until nothing else of this session runs, and lets nothing else begin before it is done. */
  #runAlone(spec: CommandSpec, argv: Request, run: () => Promise<Reply>): boolean {
    if (this.#running > 0) return false;
    this.#exclusive = true;
    this.#await(spec, argv, run(), () => {
      this.#exclusive = false;
    });
    return true;
  }

  #await(spec: CommandSpec, argv: Request, reply: Promise<Reply>, done: () => void): void {
    this.#begun(spec);
    const { clock } = this.#gateway.env;
    const begunMono = clock.mono();
    const slot = this.#replies.reserve(this.#session.protocol);
    const bytes = requestMemory(argv);
    this.#running++;
    this.#runningBytes += bytes;
    void reply.then((value) => {
      const stats = statsOf(this.#gateway, spec);
      stats.calls++;
      stats.microseconds += (clock.mono() - begunMono) * 1_000;
      if (value.type === 'error') stats.failed++;
      this.#replies.fill(slot, value);
      this.#running--;
      this.#runningBytes -= bytes;
      done();
      this.#events.settled();
    });
  }

  #runControl(spec: ControlCommand, argv: Request): boolean {
    switch (spec.control) {
      case 'multi':
        return this.#runNow(spec, () => this.#multi());
      case 'discard':
        return this.#runNow(spec, () => this.#discard());
      case 'unwatch':
        return this.multi.active
          ? this.#enqueue(spec, argv)
          : this.#runNow(spec, () => this.#unwatch());
      case 'exec':
        return this.#exec(spec, argv);
      case 'watch':
        return this.#watch(spec, argv);
      case 'quit':
        this.#events.quit();
        return this.#runNow(spec, () => OK);
      case 'reset':
        return this.#runNow(spec, () => this.#reset());
    }
  }

  #multi(): Reply {
    if (this.multi.active) return MULTI_NESTED;
    this.multi.begin();
    return OK;
  }

  #discard(): Reply {
    if (!this.multi.active) return DISCARD_ALONE;
    this.multi.reset();
    return OK;
  }

  #unwatch(): Reply {
    this.multi.watched.clear();
    return OK;
  }

  #reset(): Reply {
    const session = this.#session;
    this.multi.reset();
    session.db = 0;
    session.name = '';
    session.protocol = 2;
    session.noEvict = false;
    session.setReplyMode('on');
    return RESET;
  }

  #exec(spec: ControlCommand, argv: Request): boolean {
    if (!this.multi.active) return this.#runNow(spec, () => EXEC_ALONE);
    if (this.multi.broken) {
      this.multi.reset();
      return this.#runNow(spec, () => EXEC_ABORT);
    }
    return this.#runAlone(spec, argv, async () => {
      const reply = await this.#context.executor.submit(
        this.multi.work(this.#session, this.#gateway),
      );
      this.multi.reset();
      this.#replies.unmuteCurrent();
      return reply;
    });
  }

  #watch(spec: ControlCommand, argv: Request): boolean {
    const keys = argv.slice(1);
    if (this.multi.active) return this.#runNow(spec, () => WATCH_INSIDE);
    if (hasLongKey(keys)) return this.#runNow(spec, () => KEY_TOO_LONG);
    if (keys.length + this.multi.watched.size > limits.gatewayWatchedKeysMax) {
      return this.#runNow(spec, () => TOO_MANY_WATCHED);
    }
    const { db } = this.#session;
    return this.#runAlone(spec, argv, () =>
      this.#context.executor.submit({
        client: this.#session,
        writes: [],
        flushes: [],
        batchable: false,
        run: async (txn) => {
          await this.multi.watched.add(txn.database(db), keys);
          return OK;
        },
      }),
    );
  }
}
