import type { Env } from '@tinykv/base';
import type { AbortSignalLike } from './abort.js';
import { WorkScope } from './lifetime.js';

export type BackoffKind =
  /** The store named the leader. */
  | 'update-leader'
  /** Nobody leads the Region yet. */
  | 'no-leader'
  | 'region-miss'
  | 'stale-command'
  | 'store-not-match'
  | 'server-busy'
  | 'store-unreachable'
  | 'scheduler'
  | 'key-locked'
  | 'txn-retry';

/** Milliseconds: each pause of a kind is twice the one before it, from `baseMs` up to `capMs`. */
interface Curve {
  readonly baseMs: number;
  readonly capMs: number;
  /** Half of the pause is random, so that clients that failed together do not return together. */
  readonly jitter: boolean;
}

// Kinds and shape are TinySQL's; the caps are lower where an election or a lock ends within milliseconds
// in the normal case and a client that sleeps on would be the slowest part of a failover.
const curves: Readonly<Record<BackoffKind, Curve>> = {
  'update-leader': { baseMs: 1, capMs: 10, jitter: false },
  'no-leader': { baseMs: 2, capMs: 100, jitter: true },
  'region-miss': { baseMs: 2, capMs: 500, jitter: true },
  'stale-command': { baseMs: 1, capMs: 100, jitter: true },
  'store-not-match': { baseMs: 1, capMs: 500, jitter: true },
  'server-busy': { baseMs: 10, capMs: 1_000, jitter: true },
  'store-unreachable': { baseMs: 10, capMs: 200, jitter: true },
  scheduler: { baseMs: 20, capMs: 1_000, jitter: true },
  'key-locked': { baseMs: 2, capMs: 200, jitter: true },
  'txn-retry': { baseMs: 2, capMs: 500, jitter: true },
};

/** The pauses between the attempts of one operation, and the time by which it must end. */
export class Backoff {
  /** Monotonic milliseconds. */
  readonly deadline: number;
  /** Aborted: no time is left. */
  readonly signal: AbortSignalLike | undefined;
  /** Over: no time is left. */
  readonly scope: WorkScope;
  readonly #env: Pick<Env, 'clock' | 'rng'>;
  /** Pauses made so far; most operations never make one. */
  #attempts: Map<BackoffKind, number> | undefined;

  constructor(
    env: Pick<Env, 'clock' | 'rng'>,
    deadline: number,
    attempts?: ReadonlyMap<BackoffKind, number>,
    signal?: AbortSignalLike,
    scope: WorkScope = new WorkScope(),
  ) {
    this.#env = env;
    this.deadline = deadline;
    this.signal = signal;
    this.scope = scope;
    this.#attempts = attempts && new Map(attempts);
  }

  /** For a part of the operation that goes on by itself: same deadline, pauses as long as they are now. */
  fork(): Backoff {
    return new Backoff(this.#env, this.deadline, this.#attempts, this.signal, this.scope);
  }

  /** The same for a shorter time. */
  forkFor(ms: number): Backoff {
    const deadline = Math.min(this.deadline, this.#env.clock.mono() + ms);
    return new Backoff(this.#env, deadline, this.#attempts, this.signal, this.scope);
  }

  /** After a success: the next pause is short again. */
  reset(): void {
    this.#attempts = undefined;
  }

  remainingMs(): number {
    return this.signal?.aborted || this.scope.isOver ? 0 : this.deadline - this.#env.clock.mono();
  }

  /**
   * False, at once, when the deadline would pass before the pause is over, or when the scope ends meanwhile. `mostMs`
   * bounds the pause.
   */
  async pause(kind: BackoffKind, mostMs: number = Number.POSITIVE_INFINITY): Promise<boolean> {
    this.#attempts ??= new Map();
    const attempt = this.#attempts.get(kind) ?? 0;
    this.#attempts.set(kind, attempt + 1);
    const { baseMs, capMs, jitter } = curves[kind];
    const full = Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30));
    const ms = Math.min(mostMs, jitter ? full / 2 + (this.#env.rng.float() * full) / 2 : full);
    if (ms >= this.remainingMs()) return false;
    await this.scope.sleep(this.#env.clock, ms);
    return !this.scope.isOver;
  }
}
