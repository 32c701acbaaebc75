import {
  assert,
  type Env,
  err,
  type Histogram,
  keyString,
  limits,
  ok,
  type Result,
  type Term,
  type Timestamp,
  whenReady,
} from '@tinykv/base';
import type { Modify, RegionAccess, RegionError, WaitForEdge } from '@tinykv/model';
import type { DeadlockDetector } from './deadlock-detector.js';
import type { TxnContext } from './requests.js';

/** How soon a store notices that it leads a Region no more whose locks are waited for. */
const LEADERSHIP_CHECK_MS = 100;
/**
 * After a transaction was woken and did not take the lock, as its client has to come back with a newer
 * timestamp: the next in line gives it so long.
 */
const NEXT_WAKE_MS = 20;

/** A request that waits for the lock of a key. */
export interface LockWait {
  readonly context: TxnContext;
  /** Of the leader that has found the key locked. */
  readonly term: Term;
  readonly key: Uint8Array;
  readonly startTs: Timestamp;
  /** The transaction that holds the lock. */
  readonly holderTs: Timestamp;
  readonly mostMs: number;
}

/** Why a wait is over. After `released` and `timeout` the key is looked at again. */
export type WaitEnd =
  | { readonly type: 'released' | 'timeout' | 'cancelled' }
  | { readonly type: 'deadlock'; readonly cycle: readonly WaitForEdge[] }
  | { readonly type: 'refused'; readonly error: RegionError };

/** A wait that has begun. */
export interface BegunWait {
  readonly key: Uint8Array;
  readonly ended: Promise<WaitEnd>;
  /** Nobody waits any more; what `ended` says is not looked at. */
  abandon(): void;
}

class Waiter {
  readonly wait: LockWait;
  holderTs: Timestamp;
  unwatch: () => void = () => undefined;
  readonly ended: Promise<WaitEnd>;
  end: (end: WaitEnd) => void = () => undefined;

  constructor(wait: LockWait) {
    this.wait = wait;
    this.holderTs = wait.holderTs;
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }
}

/**
 * The requests of a store that wait for locks, in a queue for each key. When the lock goes, the oldest
 * transaction is woken: the one that others are the least likely to wait for in turn. A wait begins under the
 * latch of its key, and the lock goes under the same latch, so no release falls in between.
 */
export class LockWaits {
  readonly #env: Env;
  readonly #access: RegionAccess;
  readonly #detector: DeadlockDetector;
  readonly #seconds: Histogram;
  /** By key, each sorted by start. No queue is empty. */
  readonly #queues = new Map<string, Waiter[]>();
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

  /** Requests that wait. */
  get size(): number {
    return this.#waiters;
  }

  /** Undefined: too many wait already. */
  begin(wait: LockWait): BegunWait | undefined {
    if (this.#waiters >= limits.lockWaitsMax) return undefined;
    const waiter = new Waiter(wait);
    this.#enqueue(waiter);
    const { clock } = this.#env;
    const since = clock.mono();
    const timer = clock.after(wait.mostMs, () => this.#end(waiter, { type: 'timeout' }));
    this.#watch(waiter);
    this.#checkLater();
    const ended = waiter.ended.then((end) => {
      timer.cancel();
      this.#seconds.observe((clock.mono() - since) / 1_000);
      return end;
    });
    return { key: wait.key, ended, abandon: () => this.#end(waiter, { type: 'cancelled' }) };
  }

  /** Called before the latches of what was applied are released. */
  onApplied(modifies: readonly Modify[]): void {
    if (this.#waiters === 0) return;
    for (const modify of modifies) {
      if (modify.type === 'lock') this.#onLocked(modify.key, modify.startTs);
      else if ('unlock' in modify ? modify.unlock : modify.type === 'unlock') this.wake(modify.key);
    }
  }

  /** The key is free: the oldest that waits for it tries again. */
  wake(key: Uint8Array): void {
    const oldest = this.#queues.get(keyString(key))?.[0];
    if (oldest !== undefined) this.#end(oldest, { type: 'released' });
  }

  /** Who was woken for the key has not taken it: the next one gets its turn, a little later. */
  passOn(key: Uint8Array): void {
    if (this.#queues.has(keyString(key))) {
      this.#env.clock.after(NEXT_WAKE_MS, () => this.wake(key));
    }
  }

  /** The transaction gives up: a lock that it got now would stay. */
  cancel(keys: readonly Uint8Array[], startTs: Timestamp): void {
    for (const key of keys) {
      const queue = this.#queues.get(keyString(key)) ?? [];
      const own = queue.filter(({ wait }) => wait.startTs === startTs);
      for (const waiter of own) this.#end(waiter, { type: 'cancelled' });
    }
  }

  #enqueue(waiter: Waiter): void {
    const name = keyString(waiter.wait.key);
    const queue = this.#queues.get(name);
    this.#waiters += 1;
    if (queue === undefined) {
      this.#queues.set(name, [waiter]);
      return;
    }
    const at = queue.findLastIndex(({ wait }) => wait.startTs <= waiter.wait.startTs);
    queue.splice(at + 1, 0, waiter);
  }

  /** Does nothing to a wait that has ended before. */
  #end(waiter: Waiter, end: WaitEnd): void {
    const name = keyString(waiter.wait.key);
    const queue = this.#queues.get(name);
    const at = queue?.indexOf(waiter) ?? -1;
    if (queue === undefined || at < 0) return;
    queue.splice(at, 1);
    if (queue.length === 0) this.#queues.delete(name);
    this.#waiters -= 1;
    assert(this.#waiters >= 0, 'more waits have ended than begun');
    waiter.unwatch();
    waiter.end(end);
  }

  /** Another transaction has the lock now, so that is what the others wait for. */
  #onLocked(key: Uint8Array, holderTs: Timestamp): void {
    for (const waiter of [...(this.#queues.get(keyString(key)) ?? [])]) {
      if (waiter.wait.startTs === holderTs) this.#end(waiter, { type: 'released' });
      else if (waiter.holderTs !== holderTs) {
        waiter.unwatch();
        waiter.holderTs = holderTs;
        this.#watch(waiter);
      }
    }
  }

  #watch(waiter: Waiter): void {
    const { startTs: txn, key } = waiter.wait;
    const edge = { txn, waitForTxn: waiter.holderTs, key };
    waiter.unwatch = this.#detector.watch(edge, (cycle) => {
      this.#end(waiter, { type: 'deadlock', cycle });
    });
  }

  #checkLater(): void {
    if (this.#isChecking || this.#waiters === 0) return;
    this.#isChecking = true;
    this.#env.clock.after(LEADERSHIP_CHECK_MS, () => {
      this.#isChecking = false;
      this.#checkLeadership();
      this.#checkLater();
    });
  }

  /** Nobody tells a leader that was deposed, or a Region that was split, when a lock goes: its waits must end. */
  #checkLeadership(): void {
    const byRegion = new Map<string, Waiter[]>();
    for (const queue of this.#queues.values()) {
      for (const waiter of queue) {
        const { context, term } = waiter.wait;
        const name = `${context.regionId}/${context.epoch?.version}/${term}`;
        const same = byRegion.get(name);
        if (same === undefined) byRegion.set(name, [waiter]);
        else same.push(waiter);
      }
    }
    for (const waiters of byRegion.values()) {
      void whenReady(this.#stillLeads(waiters[0]!.wait), (still) => {
        if (still.ok) return;
        for (const waiter of waiters) this.#end(waiter, { type: 'refused', error: still.error });
      });
    }
  }

  #stillLeads({ context, term, key }: LockWait) {
    return whenReady(
      this.#access.acquireWrite(context, [key]),
      (view): Result<void, RegionError> => {
        if (!view.ok) return view;
        return view.value.term === term ? ok(undefined) : err({ type: 'stale-command' });
      },
    );
  }
}
