import { type Env, errorMessage, KvError } from '@tinykv/base';
import { describeRegionError } from '@tinykv/model';
import type { RawExpiry, TxnContext } from '@tinykv/txn';
import type { GcConfig, LedRegion } from './gc-worker.js';
import { PacedRounds } from './paced-rounds.js';

/** The parts that the worker works with. */
interface ExpiryHost {
  readonly expiry: Pick<RawExpiry, 'collect'>;
  /** Whether any raw key of the store may have a time to live: without one there is nothing to look for. */
  hasExpiries(): Promise<boolean>;
  /** Those that this store leads, as far as it knows: a command finds out. */
  led(): readonly LedRegion[];
  /** An invariant broke. */
  fatal(error: unknown): void;
}

/**
 * Removes raw keys whose time to live is over and that nobody reads, in the Regions that this store leads, one page after
 * the other, at the pace of the collection of versions.
 */
export class ExpiryWorker {
  readonly #env: Env;
  readonly #host: ExpiryHost;
  readonly #pagePauseMs: number;
  readonly #rounds: PacedRounds;

  constructor(env: Env, host: ExpiryHost, { gcPollMs, gcPagePauseMs }: GcConfig) {
    this.#env = env;
    this.#host = host;
    this.#pagePauseMs = gcPagePauseMs;
    this.#rounds = new PacedRounds(env.clock, gcPollMs, () => this.#round());
  }

  start(): void {
    this.#rounds.start();
  }

  stop(): Promise<void> {
    return this.#rounds.stop();
  }

  async #round(): Promise<void> {
    try {
      if (!(await this.#host.hasExpiries())) return;
      for (const region of this.#host.led()) {
        if (this.#rounds.isStopped) return;
        // A record that is damaged keeps its own Region from being collected, and no other.
        await this.#collectRegion(region).catch((error: unknown) => {
          this.#failed(error, region.region.id);
        });
      }
    } catch (error) {
      if (error instanceof KvError) this.#warn(errorMessage(error));
      else this.#host.fatal(error);
    }
  }

  /** The next round tries again. Throws what is no failure of the Region. */
  #failed(error: unknown, regionId: number): void {
    if (!(error instanceof KvError)) throw error;
    this.#warn(errorMessage(error), regionId);
  }

  async #collectRegion({ region, peerId }: LedRegion): Promise<void> {
    const { id, epoch, peers } = region;
    const peer = peers.find((each) => each.id === peerId);
    const context: TxnContext = { regionId: id, epoch, peer, term: 0, strict: true };
    const help = 'Raw keys that were removed since their time to live was over';
    const removed = this.#env.metrics.counter('tinykv_raw_expired_total', help);
    let next: Uint8Array | undefined;
    do {
      const page = await this.#host.expiry.collect(context, next);
      if (!page.ok) return this.#warn(describeRegionError(page.error), id);
      removed.add(page.value.removed);
      if (page.value.removed > 0) this.#env.faults.hit('raw-page-expired');
      next = page.value.next;
      if (next !== undefined) await this.#rounds.pause(this.#pagePauseMs);
    } while (next !== undefined && !this.#rounds.isStopped);
  }

  #warn(error: string, regionId?: number): void {
    this.#env.logger.warn('expired raw keys not collected', { region_id: regionId, error });
  }
}
