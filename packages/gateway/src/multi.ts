import { assert, equalBytes, limits } from '@tinykv/base';
import { selectedDatabase } from './commands/connection/basics.js';
import type { CommandSpec, GatewayState, SessionState } from './commands/spec.js';
import { keysOf } from './commands/spec.js';
import type { Work } from './executor.js';
import { encodeMeta } from './model/meta-codec.js';
import type { Database, RedisTxn, TouchedKey } from './model/redis-txn.js';
import type { Request } from './resp/decoder.js';
import { array, error, NULL_ARRAY, OK, type Reply } from './resp/types.js';
import { nameOf, type Watcher, type WatchRegistry } from './watch.js';

interface QueuedCommand {
  readonly spec: CommandSpec;
  readonly argv: Request;
}

interface WatchedKey extends TouchedKey {
  /** What the key was, encoded; undefined when it was not there. */
  readonly seen: Uint8Array | undefined;
}

const TOO_MUCH = error('ERR transaction is too large');

/** What a session keeps of WATCH and of MULTI, until EXEC or DISCARD. */
export class MultiState implements Watcher {
  readonly #registry: WatchRegistry;
  readonly #watched = new Map<string, WatchedKey>();
  #touched = false;
  #queue: QueuedCommand[] | undefined;
  #queuedBytes = 0;
  /** A command could not be queued: EXEC refuses. */
  #broken = false;

  constructor(registry: WatchRegistry) {
    this.#registry = registry;
  }

  get active(): boolean {
    return this.#queue !== undefined;
  }

  get length(): number | undefined {
    return this.#queue?.length;
  }

  get watchedKeys(): number {
    return this.#watched.size;
  }

  get broken(): boolean {
    return this.#broken;
  }

  begin(): void {
    assert(this.#queue === undefined, 'MULTI is not nested');
    this.#queue = [];
  }

  /** Takes a command for EXEC; the error when it does not fit any more. */
  enqueue(spec: CommandSpec, argv: Request): Reply | undefined {
    assert(this.#queue !== undefined, 'commands are queued inside MULTI');
    for (const argument of argv) this.#queuedBytes += argument.length;
    const full = this.#queue.length >= limits.gatewayMultiCommandsMax;
    if (full || this.#queuedBytes > limits.gatewayMultiBytesMax) {
      this.#broken = true;
      return TOO_MUCH;
    }
    this.#queue.push({ spec, argv });
    return undefined;
  }

  breakOff(): void {
    if (this.active) this.#broken = true;
  }

  touched(): void {
    this.#touched = true;
  }

  /** Remembers what the keys are; a key that is watched already keeps what was seen first. */
  async watch(db: Database, keys: readonly Uint8Array[]): Promise<void> {
    const wanted = keys.map((key) => ({ db: db.index, key }));
    const fresh = wanted.filter((key) => !this.#watched.has(nameOf(key)));
    // Registered before the read: a write between the two only makes EXEC give up without need.
    for (const key of fresh) this.#registry.add(key, this);
    const metas = await db.getMany(fresh.map(({ key }) => key));
    fresh.forEach((key, i) => {
      const meta = metas[i];
      const seen = meta === undefined ? undefined : encodeMeta(meta);
      this.#watched.set(nameOf(key), { ...key, seen });
    });
  }

  unwatch(): void {
    for (const key of this.#watched.values()) this.#registry.remove(key, this);
    this.#watched.clear();
    this.#touched = false;
  }

  /** Leaves MULTI and forgets what was watched. */
  reset(): void {
    this.unwatch();
    this.#queue = undefined;
    this.#queuedBytes = 0;
    this.#broken = false;
  }

  /** The transaction of EXEC. */
  work(session: SessionState, gateway: GatewayState): Work {
    assert(this.#queue !== undefined, 'EXEC follows MULTI');
    return this.#workOf(this.#queue, session, gateway);
  }

  /** Planted: one transaction for each command. */
  works(session: SessionState, gateway: GatewayState): Work[] {
    const queue = this.#queue ?? [];
    return queue.map((command) => this.#workOf([command], session, gateway));
  }

  #workOf(queue: readonly QueuedCommand[], session: SessionState, gateway: GatewayState): Work {
    const start = { db: session.db, name: session.name, protocol: session.protocol };
    const { writes, flushes } = latched(queue, session, gateway);
    return {
      writes,
      flushes,
      batchable: false,
      run: async (txn) => {
        // A second attempt begins where the first one did.
        Object.assign(session, start);
        const isBlind = gateway.env.planted('gateway-exec-ignores-watch');
        if (!isBlind && !(await this.#unchanged(txn))) return NULL_ARRAY;
        const replies: Reply[] = [];
        for (const { spec, argv } of queue) {
          replies.push(await runQueued(spec, argv, session, gateway, txn));
        }
        return array(replies);
      },
    };
  }

  /** Whether every watched key is what it was, as this transaction sees them (and locks them). */
  async #unchanged(txn: RedisTxn): Promise<boolean> {
    if (this.#touched) return false;
    for (const { db, key, seen } of this.#watched.values()) {
      const meta = await txn.database(db).get(key);
      if (meta === undefined || seen === undefined) {
        if (meta !== undefined || seen !== undefined) return false;
      } else if (!equalBytes(encodeMeta(meta), seen)) {
        return false;
      }
    }
    return true;
  }
}

async function runQueued(
  spec: CommandSpec,
  argv: Request,
  session: SessionState,
  gateway: GatewayState,
  txn: RedisTxn,
): Promise<Reply> {
  // UNWATCH alone of its kind is queued; by now what was watched has been compared.
  if (spec.kind === 'control') return OK;
  if (spec.kind === 'session') return spec.run({ argv, session, gateway });
  return spec.run({ argv, session, gateway, db: txn.database(session.db) });
}

/**
 * Keys whose latches EXEC takes, and databases that it empties: SELECT among the commands moves those
 * after it.
 */
function latched(
  queue: readonly QueuedCommand[],
  session: SessionState,
  gateway: GatewayState,
): { writes: TouchedKey[]; flushes: number[] } {
  const { databases } = gateway.config;
  const writes: TouchedKey[] = [];
  const flushes = new Set<number>();
  let { db } = session;
  for (const { spec, argv } of queue) {
    if (spec.name === 'select') {
      const selected = selectedDatabase(argv, databases);
      if (selected.ok) db = selected.value;
    }
    for (const key of keysOf(spec.keys, argv)) writes.push({ db, key });
    if (spec.kind !== 'data') continue;
    for (const flushed of spec.flushes?.(argv, db, databases) ?? []) flushes.add(flushed);
  }
  return { writes, flushes: [...flushes] };
}
