import {
  assert,
  type Env,
  err,
  type Histogram,
  type KvReader,
  keyString,
  limits,
  ok,
  type Result,
  type Timestamp,
  whenReady,
} from '@tinykv/base';
import {
  lockKey,
  type Modify,
  type RegionAccess,
  type RegionError,
  type RegionView,
} from '@tinykv/model';
import type { DeadlockDetector } from './deadlock-detector.js';
import { LockQueue, type LockWait, type WaitEnd, Waiter } from './lock-queue.js';

/** How soon a store notices that it leads a Region no more whose locks are waited for, or that it missed a release. */
const CHECK_MS = 100;
/**
 * How long a place in a queue is kept for a transaction whose client looks whether the holder of the lock lives: a
 * few round trips, since the key may be free meanwhile.
 */
const PLACE_KEPT_MS = 200;
/**
 * After a transaction was woken and did not take the lock, as its client has to come back with a newer
 * timestamp: the next in line gives it so long.
 */
const NEXT_WAKE_MS = 20;

/** A wait that has begun. */
export interface BegunWait {
  readonly ended: Promise<WaitEnd>;
  /** Nobody waits any more; what `ended` says is not looked at. */
  abandon(): void;
}

/** A key that its lock's next holder has not taken yet. */
export interface Reserved {
  readonly key: Uint8Array;
  readonly startTs: Timestamp;
}

/** What a request that had the turn for a key leaves behind. `free-for-now`: it comes back soon, with a newer timestamp. */
export type LeftKey = 'locked' | 'free' | 'free-for-now';

/**
 * The requests of a store that wait for locks, in a queue for each key. When the lock goes, the oldest
 * transaction has its turn: the one that others are the least likely to wait for in turn. A wait begins under the
 * latch of its key, and the lock goes under the same latch, so no release falls in between.
 */
export class LockWaits {
  readonly #env: Env;
  readonly #access: RegionAccess;
  readonly #detector: DeadlockDetector;
  readonly #seconds: Histogram;
  /** By key. No queue is empty. */
  readonly #queues = new Map<string, LockQueue>();
  /** Places in all queues. */
  #waiters = 0;
  #isChecking = false;

  constructor(env: Env, access: RegionAccess, detector: DeadlockDetector) {
    this.#env = env;
    this.#access = access;
    this.#detector = detector;
    this.#seconds = env.metrics.histogram(
      'tinykv_txn_lock_wait_seconds',
      'Time that pessimistic lock requests waited for locks of others',
    );
  }

  /** Places that are waited for or kept. */
  get size(): number {
    return this.#waiters;
  }

  /** Undefined: too many wait already. */
  begin(wait: LockWait): BegunWait | undefined {
    const name = keyString(wait.key);
    const queue = this.#queues.get(name) ?? new LockQueue(wait.key);
    // It has come back for its place.
    this.#forgetPlaces(queue, wait.startTs);
    if (this.#waiters >= limits.lockWaitsMax) {
      this.#dropIfEmpty(queue);
      return undefined;
    }
    this.#queues.set(name, queue);
    const waiter = new Waiter(wait);
    queue.add(waiter);
    this.#waiters += 1;
    const { clock } = this.#env;
    const since = clock.mono();
    const timer = clock.after(wait.mostMs, () => this.#onTimeout(waiter));
    this.#watch(waiter);
    this.#checkLater();
    const ended = waiter.ended.then((end) => {
      timer.cancel();
      this.#seconds.observe((clock.mono() - since) / 1_000);
      return end;
    });
    return { ended, abandon: () => this.#end(waiter, { type: 'cancelled' }) };
  }

  /** Called before the latches of what was applied are released. */
  onApplied(modifies: readonly Modify[]): void {
    if (this.#queues.size === 0) return;
    for (const modify of modifies) {
      if (modify.type === 'lock') this.#onLocked(modify.key, modify.startTs);
      else if ('unlock' in modify ? modify.unlock : modify.type === 'unlock') this.wake(modify.key);
    }
  }

  /** The key is free: the oldest that waits for it has its turn, unless somebody has it already. */
  wake(key: Uint8Array): void {
    const queue = this.#queues.get(keyString(key));
    if (queue !== undefined && queue.turn === undefined) this.#giveTurn(queue);
  }

  /** Called under the latches of free keys: the first whose lock goes to another transaction. */
  reservedFor(keys: readonly Uint8Array[], startTs: Timestamp): Reserved | undefined {
    if (this.#queues.size === 0) return undefined;
    for (const key of keys) {
      const turn = this.#queues.get(keyString(key))?.turn;
      if (turn !== undefined && turn !== startTs) return { key, startTs: turn };
    }
    return undefined;
  }

  /** A request has tried to lock the keys. Where it had the turn, the next in line has it, if it left the key free. */
  endTurns(
    keys: readonly Uint8Array[],
    startTs: Timestamp,
    left: (key: Uint8Array) => LeftKey,
  ): void {
    if (this.#queues.size === 0) return;
    for (const key of keys) {
      const queue = this.#queues.get(keyString(key));
      if (queue?.endTurn(startTs) !== true) continue;
      this.#forgetPlaces(queue, startTs);
      const how = left(key);
      if (how === 'locked') this.#dropIfEmpty(queue);
      // One that takes the lock in any case need not let others come back first.
      else if (how === 'free' || queue.first?.wait.forceLock !== false) this.#giveTurn(queue);
      else this.#wakeLater(queue);
    }
  }

  /** The transaction gives up: a lock that it got now would stay. */
  cancel(keys: readonly Uint8Array[], startTs: Timestamp): void {
    for (const key of keys) {
      const own = this.#queues.get(keyString(key))?.of(startTs) ?? [];
      for (const waiter of own) {
        if (waiter.away === undefined) this.#end(waiter, { type: 'cancelled' });
        else this.#losePlace(waiter);
      }
    }
  }

  #giveTurn(queue: LockQueue): void {
    const next = queue.first;
    if (next === undefined) {
      this.#dropIfEmpty(queue);
      return;
    }
    queue.giveTurn(next.startTs);
    if (next.away === undefined) this.#end(next, { type: 'released' });
    this.#retarget(queue, next.startTs);
  }

  #wakeLater(queue: LockQueue): void {
    queue.isDue = true;
    this.#env.clock.after(NEXT_WAKE_MS, () => {
      queue.isDue = false;
      this.wake(queue.key);
    });
  }

  /** A transaction has the lock now. */
  #onLocked(key: Uint8Array, holderTs: Timestamp): void {
    const queue = this.#queues.get(keyString(key));
    if (queue === undefined) return;
    queue.endTurn(holderTs);
    this.#forgetPlaces(queue, holderTs);
    for (const waiter of queue.of(holderTs)) this.#end(waiter, { type: 'released' });
    this.#retarget(queue, holderTs);
    this.#dropIfEmpty(queue);
  }

  #onTimeout(waiter: Waiter): void {
    if (!waiter.wait.comesBack) {
      this.#end(waiter, { type: 'timeout' });
      return;
    }
    this.#unwatch(waiter);
    waiter.away = this.#env.clock.after(PLACE_KEPT_MS, () => this.#losePlace(waiter));
    waiter.end({ type: 'timeout' });
  }

  /** It has not come back. */
  #losePlace(waiter: Waiter): void {
    const queue = this.#queues.get(keyString(waiter.wait.key));
    waiter.away?.cancel();
    if (queue?.remove(waiter) !== true) return;
    this.#waiters -= 1;
    if (queue.endTurn(waiter.startTs)) this.#giveTurn(queue);
    else this.#dropIfEmpty(queue);
  }

  #forgetPlaces(queue: LockQueue, startTs: Timestamp): void {
    for (const waiter of queue.of(startTs)) {
      if (waiter.away === undefined) continue;
      waiter.away.cancel();
      queue.remove(waiter);
      this.#waiters -= 1;
    }
  }

  /** Does nothing to a wait that has ended before. */
  #end(waiter: Waiter, end: WaitEnd): void {
    const queue = this.#queues.get(keyString(waiter.wait.key));
    if (waiter.away !== undefined || queue?.remove(waiter) !== true) return;
    this.#waiters -= 1;
    assert(this.#waiters >= 0, 'more waits have ended than begun');
    this.#dropIfEmpty(queue);
    this.#unwatch(waiter);
    waiter.end(end);
  }

  #dropIfEmpty(queue: LockQueue): void {
    if (queue.isEmpty) this.#queues.delete(keyString(queue.key));
  }

  /** All that wait for the key wait for this transaction by now. */
  #retarget(queue: LockQueue, holderTs: Timestamp): void {
    for (const waiter of queue.waiting()) {
      if (waiter.holderTs === holderTs || waiter.startTs === holderTs) continue;
      this.#unwatch(waiter);
      waiter.holderTs = holderTs;
      this.#watch(waiter);
    }
  }

  #watch(waiter: Waiter): void {
    const { startTs: txn, key } = waiter.wait;
    const edge = { txn, waitForTxn: waiter.holderTs, key };
    waiter.unwatch = this.#detector.watch(edge, (cycle) => {
      this.#end(waiter, { type: 'deadlock', cycle });
    });
  }

  #unwatch(waiter: Waiter): void {
    waiter.unwatch();
    waiter.unwatch = () => undefined;
  }

  #checkLater(): void {
    if (this.#isChecking || this.#waiters === 0) return;
    this.#isChecking = true;
    this.#env.clock.after(CHECK_MS, () => {
      this.#isChecking = false;
      this.#check();
      this.#checkLater();
    });
  }

  /** Nobody tells a leader that was deposed, or a Region that was split, when a lock goes: its waits must end. */
  #check(): void {
    const byRegion = new Map<string, Waiter[]>();
    for (const queue of this.#queues.values()) {
      for (const waiter of queue.waiting()) {
        const { context, term } = waiter.wait;
        const name = `${context.regionId}/${context.epoch?.version}/${term}`;
        const same = byRegion.get(name);
        if (same === undefined) byRegion.set(name, [waiter]);
        else same.push(waiter);
      }
    }
    for (const waiters of byRegion.values()) {
      void whenReady(this.#stillLeads(waiters[0]!.wait), (still) => {
        if (still.ok) this.#wakeFree(still.value, waiters);
        else this.#refuse(waiters, still.error);
      });
    }
  }

  #refuse(waiters: readonly Waiter[], error: RegionError): void {
    for (const waiter of waiters) this.#end(waiter, { type: 'refused', error });
  }

  /** A release whose proposal ended without an answer was not noticed. */
  #wakeFree({ reader }: RegionView, waiters: readonly Waiter[]): void {
    const keys = new Map(waiters.map(({ wait: { key } }) => [keyString(key), key]));
    for (const [name, key] of keys) {
      const queue = this.#queues.get(name);
      if (queue === undefined || queue.turn !== undefined || queue.isDue) continue;
      if (mayBeFree(reader, key)) this.#giveTurn(queue);
    }
  }

  #stillLeads({ context, term, key }: LockWait) {
    return whenReady(
      this.#access.acquireWrite(context, [key]),
      (view): Result<RegionView, RegionError> => {
        if (!view.ok) return view;
        return view.value.term === term ? ok(view.value) : err({ type: 'stale-command' });
      },
    );
  }
}

/** A key that cannot be read counts as free: the request that has the turn reads it again and answers the error. */
function mayBeFree(reader: KvReader, key: Uint8Array): boolean {
  try {
    return reader.get(lockKey(key)) === undefined;
  } catch {
    return true;
  }
}
