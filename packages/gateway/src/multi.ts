import { assert, CodecError, limits, ok } from '@tinykv/base';
import { invoke } from './command/invoke.js';
import { keysOf } from './command/keys.js';
import { selectedDatabase } from './commands/connection/basics.js';
import { UNREADABLE_RECORD } from './commands/errors.js';
import type { CommandSpec, GatewayState, SessionState, TransactionState } from './commands/spec.js';
import type { Work } from './job.js';
import { GatewayKvError, type VersionReader } from './kv-port.js';
import type { Database, RedisTxn, TouchedKey } from './model/redis-txn.js';
import { type Request, requestMemory } from './resp/request.js';
import { array, error, NULL_ARRAY, type Reply } from './resp/types.js';
import { WatchedKeys } from './watched-keys.js';

interface QueuedCommand {
  readonly spec: CommandSpec;
  readonly argv: Request;
}

const NO_PLAN = ok(undefined);
const TOO_MUCH = error('ERR transaction is too large');

/** What a session keeps of WATCH and of MULTI, until EXEC or DISCARD. */
export class MultiState implements TransactionState {
  readonly #watched: WatchedKeys;
  #queue: QueuedCommand[] | undefined;
  #queuedBytes = 0;
  /** A command could not be queued: EXEC refuses. */
  #broken = false;

  constructor(store: VersionReader) {
    this.#watched = new WatchedKeys(store);
  }

  get active(): boolean {
    return this.#queue !== undefined;
  }

  get length(): number | undefined {
    return this.#queue?.length;
  }

  /** Memory of what is queued and watched. */
  get heldBytes(): number {
    return this.#queuedBytes + this.#watched.heldBytes;
  }

  get broken(): boolean {
    return this.#broken;
  }

  get watchedKeys(): number {
    return this.#watched.size;
  }

  watch(db: Database, keys: readonly Uint8Array[]): Promise<void> {
    return this.#watched.add(db, keys);
  }

  /** Inside EXEC it changes nothing: what was watched has been compared, and is again when EXEC begins again. */
  unwatch(): void {
    if (!this.active) this.#watched.clear();
  }

  begin(): void {
    assert(this.#queue === undefined, 'MULTI is not nested');
    this.#queue = [];
  }

  /** Takes a command for EXEC; the error when it does not fit any more. */
  enqueue(spec: CommandSpec, argv: Request): Reply | undefined {
    assert(this.#queue !== undefined, 'commands are queued inside MULTI');
    const bytes = requestMemory(argv);
    this.#queuedBytes += bytes;
    const full = this.#queue.length >= limits.gatewayMultiCommandsMax;
    if (full || this.#queuedBytes > limits.gatewayMultiBytesMax) {
      this.#broken = true;
      this.#queuedBytes -= bytes;
      return TOO_MUCH;
    }
    this.#queue.push({ spec, argv });
    return undefined;
  }

  breakOff(): void {
    if (this.active) this.#broken = true;
  }

  /** Leaves MULTI and forgets what was watched. */
  reset(): void {
    this.#watched.clear();
    this.#queue = undefined;
    this.#queuedBytes = 0;
    this.#broken = false;
  }

  /** The transaction of EXEC. */
  work(session: SessionState, gateway: GatewayState): Work {
    assert(this.#queue !== undefined, 'EXEC follows MULTI');
    return this.#workOf(this.#queue, session, gateway);
  }

  #workOf(queue: readonly QueuedCommand[], session: SessionState, gateway: GatewayState): Work {
    const start = { db: session.db, name: session.name, protocol: session.protocol };
    const { touched, flushes } = needsOf(queue, session, gateway);
    let isAbandoned = false;
    // The session has gone on without it: its client has been told that nothing was applied.
    const check = (): void => {
      if (isAbandoned) throw new GatewayKvError('unavailable', 'the time of EXEC is over');
    };
    // More keys than may wait for latches take none.
    const writes = touched.length > limits.gatewayLatchedKeysMax ? [] : touched;
    return {
      client: session,
      writes,
      flushes,
      batchable: false,
      abandon: () => {
        isAbandoned = true;
        Object.assign(session, start);
      },
      run: async (txn) => {
        check();
        // A second attempt begins where the first one did.
        Object.assign(session, start);
        if (!(await this.#watched.unchanged(txn))) return NULL_ARRAY;
        await load(touched, txn);
        const replies: Reply[] = [];
        for (const { spec, argv } of queue) {
          check();
          const reply = await runQueued(spec, argv, session, gateway, txn);
          const { protocol } = session;
          replies.push(
            protocol === start.protocol ? reply : { type: 'in-version', protocol, reply },
          );
          if (replies.length % limits.gatewayStepKeys === 0) await txn.pace.pause();
        }
        return array(replies);
      },
    };
  }
}

async function runQueued(
  spec: CommandSpec,
  argv: Request,
  session: SessionState,
  gateway: GatewayState,
  txn: RedisTxn,
): Promise<Reply> {
  assert(spec.kind !== 'alone', () => `${spec.name} is not queued`);
  if (spec.kind === 'session') return spec.run({ argv, session, gateway });
  const plan = spec.parse?.(argv) ?? NO_PLAN;
  if (!plan.ok) return plan.error;
  try {
    const invocation = { spec, argv, plan: plan.value, session, gateway };
    return await invoke(invocation, txn, session.db);
  } catch (failure) {
    // It has read first, and so has written nothing.
    if (failure instanceof CodecError) return UNREADABLE_RECORD;
    throw failure;
  }
}

interface QueuedKey extends TouchedKey {
  readonly headOnly: boolean;
}

/** Reads, before the first command, what the arguments of all of them name. */
function load(touched: readonly QueuedKey[], txn: RedisTxn): Promise<void> {
  for (const { db, key, headOnly } of touched) txn.database(db).metas.want([key], headOnly);
  return txn.load();
}

/** Keys that EXEC touches, and databases that it empties: SELECT among the commands moves those after it. */
function needsOf(
  queue: readonly QueuedCommand[],
  session: SessionState,
  gateway: GatewayState,
): { touched: QueuedKey[]; flushes: number[] } {
  const { databases } = gateway.config;
  const touched: QueuedKey[] = [];
  const flushes = new Set<number>();
  let { db } = session;
  for (const { spec, argv } of queue) {
    if (spec.name === 'select') {
      const selected = selectedDatabase(argv, databases);
      if (selected.ok) db = selected.value;
    }
    if (spec.kind !== 'data') continue;
    for (const key of keysOf(spec, argv)) touched.push({ db, key, headOnly: spec.headsOnly });
    for (const flushed of spec.flushes?.(argv, db, databases) ?? []) flushes.add(flushed);
  }
  return { touched, flushes: [...flushes] };
}
