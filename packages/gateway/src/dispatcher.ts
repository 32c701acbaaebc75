import { limits, ok } from '@tinykv/base';
import { admit } from './admission/admission.js';
import { keysOf } from './command/keys.js';
import {
  type AloneCommand,
  type Call,
  type CommandSpec,
  type DataCommand,
  type GatewayState,
  type SessionCommand,
  type SessionState,
  statsOf,
} from './commands/spec.js';
import type { CommandTable } from './commands/table.js';
import { DataWork } from './data-work.js';
import type { Executor } from './executor.js';
import type { Work } from './job.js';
import type { VersionReader } from './kv-port.js';
import { nameOf, type TouchedKey } from './model/redis-txn.js';
import { MultiState } from './multi.js';
import { execRefused, isHttp } from './refusals.js';
import type { ReplyQueue } from './reply-queue.js';
import { type Request, requestMemory } from './resp/request.js';
import { QUEUED, type Reply } from './resp/types.js';
import { Running, type RunningOwner } from './running.js';
import { SessionOrder } from './session-order.js';

const NO_PLAN = ok(undefined);

interface DispatcherContext {
  readonly gateway: GatewayState;
  readonly table: CommandTable;
  readonly executor: Executor;
  readonly versions: VersionReader;
}

interface DispatcherEvents {
  /** A command that was running has its reply. */
  settled(): void;
}

/**
 * Begins the commands of one session. Commands on different keys run at once; those on one key keep
 * their order; commands without keys, EXEC and WATCH run alone. A command that needs only the session
 * is done at once.
 */
export class Dispatcher implements RunningOwner {
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
    const { table } = this.#context;
    const spec = table.find(argv);
    if (spec === undefined) {
      this.#refuseUnknown(argv, table.explain(argv));
      return true;
    }
    const verdict = admit(spec, argv, this.#session);
    if (verdict === 'queue') return this.#enqueue(spec, argv);
    if (verdict !== 'pass') return this.#refuse(spec, verdict);
    switch (spec.kind) {
      case 'session':
        return this.#runNow(spec, argv);
      case 'data':
        return this.#runData(spec, argv);
      case 'alone':
        return this.#runPlan(spec, argv);
    }
  }

  #answer(reply: Reply): void {
    this.#replies.answer(reply, this.#session.protocol);
  }

  #refuseUnknown(argv: Request, reason: Reply): void {
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

  #refuse(spec: CommandSpec, reason: Reply): true {
    statsOf(this.#gateway, spec).rejected++;
    if (spec.name === 'exec') {
      this.multi.reset();
      this.#answer(execRefused(reason));
    } else {
      this.multi.breakOff();
      this.#answer(reason);
    }
    return true;
  }

  #begun(spec: CommandSpec): void {
    this.#session.lastCommand = spec.name;
    this.#gateway.stats.commandsProcessed++;
  }

  #enqueue(spec: CommandSpec, argv: Request): true {
    this.#begun(spec);
    this.#answer(this.multi.enqueue(spec, argv) ?? QUEUED);
    return true;
  }

  #runNow(spec: SessionCommand, argv: Request): true {
    this.#begun(spec);
    return this.#answerNow(spec, spec.run(this.#call(argv)));
  }

  #call(argv: Request): Call {
    return { argv, session: this.#session, gateway: this.#gateway };
  }

  #answerNow(spec: CommandSpec, reply: Reply): true {
    const stats = statsOf(this.#gateway, spec);
    stats.calls++;
    if (reply.type === 'error') stats.failed++;
    this.#answer(reply);
    return true;
  }

  #runData(spec: DataCommand, argv: Request): boolean {
    const { executor } = this.#context;
    const plan = spec.parse?.(argv) ?? NO_PLAN;
    if (!plan.ok) {
      this.#begun(spec);
      return this.#answerNow(spec, plan.error);
    }
    const { db } = this.#session;
    const work = new DataWork(spec, argv, plan.value, this.#session, this.#gateway);
    const keys = keysOf(spec, argv);
    if (keys.length === 0) {
      work.flushes = spec.flushes?.(argv, db, this.#gateway.config.databases) ?? [];
      return this.#runAlone(spec, argv, () => executor.submit(work));
    }
    if (keys.length > limits.gatewayLatchedKeysMax) {
      return this.#runAlone(spec, argv, () => executor.submit(work));
    }
    const touched = keys.map((key): TouchedKey => ({ db, key }));
    const names = namesOf(touched);
    const place = this.#order.enter(names, spec.writes);
    if (place === undefined) return false;
    if (names.length === 1) work.touches(touched[0]!);
    else if (place === 'direct') work.reads(touched);
    const running = this.#start(spec, argv, names, place);
    if (place === 'direct') executor.read(work, names, running);
    else executor.queue(work, touched, names, running);
    return true;
  }

  /** Waits until nothing else of this session runs, and lets nothing else begin before it is done. */
  #runAlone(spec: CommandSpec, argv: Request, run: () => Promise<Reply>): boolean {
    if (this.#running > 0) return false;
    this.#exclusive = true;
    const running = this.#start(spec, argv, [], 'alone');
    void run().then((reply) => running.take(reply));
    return true;
  }

  #start(
    spec: CommandSpec,
    argv: Request,
    names: readonly string[],
    place: Running['place'],
  ): Running {
    this.#begun(spec);
    const begunMono = this.#gateway.env.clock.mono();
    const slot = this.#replies.reserve(this.#session.protocol);
    const bytes = requestMemory(argv);
    this.#running++;
    this.#runningBytes += bytes;
    return new Running(this, spec, slot, begunMono, bytes, names, place);
  }

  onReply({ spec, slot, begunMono, bytes, names, place }: Running, reply: Reply): void {
    const stats = statsOf(this.#gateway, spec);
    stats.calls++;
    stats.microseconds += (this.#gateway.env.clock.mono() - begunMono) * 1_000;
    if (reply.type === 'error') stats.failed++;
    this.#replies.fill(slot, reply);
    this.#running--;
    this.#runningBytes -= bytes;
    if (place === 'alone') this.#exclusive = false;
    else this.#order.leave(names, place);
    this.#events.settled();
  }

  /** Begins a command that runs alone. Its plan is made when nothing else of this session runs. */
  #runPlan(spec: AloneCommand, argv: Request): boolean {
    if (this.#running > 0) return false;
    const call = this.#call(argv);
    const plan = spec.plan(call);
    if ('run' in plan) return this.#runAlone(spec, argv, () => this.#submit(spec, call, plan));
    this.#begun(spec);
    return this.#answerNow(spec, plan);
  }

  async #submit(spec: AloneCommand, call: Call, work: Work): Promise<Reply> {
    const reply = await this.#context.executor.submit(work);
    if (reply.type === 'error') work.abandon?.();
    spec.done?.(call);
    // It is answered even when CLIENT REPLY was among its commands.
    this.#replies.unmuteCurrent();
    return reply;
  }
}

function namesOf(touched: readonly TouchedKey[]): readonly string[] {
  const only = touched[0]!;
  return touched.length === 1 ? [nameOf(only)] : [...new Set(touched.map(nameOf))];
}
