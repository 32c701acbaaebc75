import { type Env, errorMessage, keyString, limits } from '@tinykv/base';
import type { Router } from '@tinykv/client';
import type { WaitForEdge } from '@tinykv/model';
import { tinykvtxn } from '@tinykv/proto';
import type { DeadlockDetector } from '@tinykv/txn';
import { DETECTOR_KEY, WAIT_TTL_MS } from './deadlock-service.js';

/** Waits are told again so often: one request may get lost, and a new detector knows them all soon. */
const REFRESH_MS = WAIT_TTL_MS / 4;
const REQUEST_TIMEOUT_MS = 1_000;
const WAITS_PER_REQUEST = 1_024;

interface Watched {
  readonly wait: WaitForEdge;
  readonly onDeadlock: (cycle: readonly WaitForEdge[]) => void;
  isTold: boolean;
}

/**
 * Tells the cluster's detector who waits in this store. One request is under way at a time, so that the end of
 * a wait never comes before its beginning, nor after that of a later wait; what happens meanwhile gathers for the
 * next. While the detector cannot be reached waits end by time.
 */
export class DeadlockLink implements DeadlockDetector {
  readonly #env: Env;
  readonly #router: Router;
  readonly #watched = new Set<Watched>();
  /** What the next requests tell. */
  #begun = new Set<Watched>();
  #ended: WaitForEdge[] = [];
  #isSending = false;
  #isRefreshing = false;

  constructor(env: Env, router: Router) {
    this.#env = env;
    this.#router = router;
  }

  watch(wait: WaitForEdge, onDeadlock: (cycle: readonly WaitForEdge[]) => void): () => void {
    const watched: Watched = { wait, onDeadlock, isTold: false };
    this.#watched.add(watched);
    this.#begun.add(watched);
    this.#sendSoon();
    this.#refreshLater();
    return () => this.#unwatch(watched);
  }

  #unwatch(watched: Watched): void {
    if (!this.#watched.delete(watched)) return;
    this.#begun.delete(watched);
    if (!watched.isTold) return;
    // The detector forgets the others by itself, a little later.
    if (this.#ended.length < limits.lockWaitsMax) this.#ended.push(watched.wait);
    this.#sendSoon();
  }

  #sendSoon(): void {
    if (this.#isSending) return;
    this.#isSending = true;
    void this.#sendAll().finally(() => {
      this.#isSending = false;
    });
  }

  async #sendAll(): Promise<void> {
    while (this.#begun.size > 0 || this.#ended.length > 0) {
      const begun = [...this.#begun].slice(0, WAITS_PER_REQUEST);
      const ended = this.#ended.splice(0, WAITS_PER_REQUEST);
      for (const watched of begun) {
        watched.isTold = true;
        this.#begun.delete(watched);
      }
      try {
        await this.#send(begun, ended);
      } catch (error) {
        // The waits are told again with the next refresh; those that have ended the detector forgets.
        this.#env.logger.debug('deadlock detector not reached', { error: errorMessage(error) });
      }
    }
  }

  async #send(begun: readonly Watched[], ended: readonly WaitForEdge[]): Promise<void> {
    const waits = begun.map(({ wait }) => wait);
    const { deadlocks } = await this.#router.send(
      DETECTOR_KEY,
      tinykvtxn.Txn.detectDeadlock,
      (context) => ({ context, waits, ended: [...ended] }),
      this.#router.begin('repeatable', REQUEST_TIMEOUT_MS),
    );
    const cycles = new Map(
      deadlocks.flatMap(({ wait, waitChain }) => (wait ? [[nameOf(wait), waitChain]] : [])),
    );
    for (const watched of begun) {
      const cycle = cycles.get(nameOf(watched.wait));
      // The detector has not taken it in, so there is no end to tell it.
      if (cycle !== undefined && this.#watched.delete(watched)) watched.onDeadlock(cycle);
    }
  }

  #refreshLater(): void {
    if (this.#isRefreshing || this.#watched.size === 0) return;
    this.#isRefreshing = true;
    this.#env.clock.after(REFRESH_MS, () => {
      this.#isRefreshing = false;
      this.#begun = new Set(this.#watched);
      this.#sendSoon();
      this.#refreshLater();
    });
  }
}

function nameOf({ txn, waitForTxn, key }: WaitForEdge): string {
  return `${txn}/${waitForTxn}/${keyString(key)}`;
}
