import { EMPTY_BYTES, type Env, errorMessage, KvError, type Timestamp } from '@tinykv/base';
import {
  describeKeyError,
  describeRegionError,
  type Region,
  type SchedulerApi,
} from '@tinykv/model';
import type { SafePointMark } from '@tinykv/raftstore';
import type { TxnContext, TxnExecutor } from '@tinykv/txn';
import { PacedRounds } from './paced-rounds.js';

export interface GcConfig {
  /** The scheduler is asked this often how far old versions may be collected. */
  readonly gcPollMs: number;
  /** After each page, whose size is `limits.gcPageRecords`: what bounds the rate. */
  readonly gcPagePauseMs: number;
}

/** 25,000 records a second, at most, in all Regions of a store. */
export const defaultGcConfig: GcConfig = { gcPollMs: 10_000, gcPagePauseMs: 20 };

export interface LedRegion {
  readonly region: Region;
  readonly peerId: number;
}

/** The parts that the worker works with. */
export interface GcHost {
  readonly scheduler: Pick<SchedulerApi, 'gcProgress' | 'locksResolved'>;
  readonly safePoint: SafePointMark;
  readonly gc: TxnExecutor['gc'];
  /** Clears the locks of transactions from before the safe point out of the cluster. */
  sweep(safePoint: Timestamp): Promise<number>;
  /** Those that this store leads, as far as it knows: a command finds out. */
  led(): readonly LedRegion[];
  /** An invariant broke. */
  fatal(error: unknown): void;
}

/**
 * Collects old versions in the Regions that this store leads, one page after the other, one Region at a time.
 *
 * Before that the locks of the whole cluster have to be resolved, which is the work of one: the store that leads the
 * first Region. Two that both take themselves for it do the same work twice and no harm.
 */
export class GcWorker {
  readonly #env: Env;
  readonly #host: GcHost;
  readonly #config: GcConfig;
  /** Up to where Regions are collected, by id and version. */
  #done = new Map<string, Timestamp>();
  readonly #rounds: PacedRounds;

  constructor(env: Env, host: GcHost, config: GcConfig) {
    this.#env = env;
    this.#host = host;
    this.#config = config;
    this.#rounds = new PacedRounds(env.clock, config.gcPollMs, () => this.#round());
  }

  start(): void {
    this.#rounds.start();
  }

  /** Resolves when nothing is under way any more; a page ends first. */
  stop(): Promise<void> {
    return this.#rounds.stop();
  }

  async #round(): Promise<void> {
    const { scheduler, safePoint: mark, fatal } = this.#host;
    try {
      const { safePoint, resolved } = await scheduler.gcProgress();
      mark.raise(safePoint);
      if (resolved < safePoint && this.#leadsFirstRegion()) await this.#resolveLocks(safePoint);
      await this.#collect(resolved);
    } catch (error) {
      // The next round tries again.
      if (error instanceof KvError) this.#warn(errorMessage(error));
      else fatal(error);
    }
  }

  #leadsFirstRegion(): boolean {
    return this.#host.led().some(({ region }) => region.range.start.length === 0);
  }

  async #resolveLocks(safePoint: Timestamp): Promise<void> {
    const locks = await this.#host.sweep(safePoint);
    this.#env.faults.hit('gc-locks-resolved');
    await this.#host.scheduler.locksResolved(safePoint);
    this.#env.faults.hit('gc-locks-reported');
    this.#env.logger.info('locks resolved', { safe_point: String(safePoint), locks });
  }

  async #collect(safePoint: Timestamp): Promise<void> {
    const led = this.#host.led();
    const former = this.#done;
    this.#done = new Map();
    for (const status of led) {
      const name = nameOf(status);
      const done = former.get(name);
      if (done !== undefined) this.#done.set(name, done);
    }
    for (const status of led) {
      if (this.#rounds.isStopped) return;
      if (safePoint <= (this.#done.get(nameOf(status)) ?? 0n)) continue;
      if (!(await this.#collectRegion(status, safePoint))) continue;
      this.#env.faults.hit('gc-region-collected');
      this.#done.set(nameOf(status), safePoint);
    }
  }

  /** False: not all of it, or it is another Region by now. */
  async #collectRegion({ region, peerId }: LedRegion, safePoint: Timestamp): Promise<boolean> {
    const { id, epoch, peers } = region;
    const peer = peers.find((each) => each.id === peerId);
    const context: TxnContext = { regionId: id, epoch, peer, term: 0, strict: true };
    const help = 'Versions of keys that were collected';
    const collected = this.#env.metrics.counter('tinykv_gc_versions_total', help);
    let startKey: Uint8Array | undefined = EMPTY_BYTES;
    while (startKey !== undefined) {
      if (this.#rounds.isStopped) return false;
      const answer = await this.#host.gc.collect(context, { safePoint, startKey });
      if (!answer.ok) return this.#warn(describeRegionError(answer.error), id);
      if (!answer.value.ok) return this.#warn(describeKeyError(answer.value.error), id);
      const { nextKey, versions } = answer.value.value;
      collected.add(versions);
      if (versions > 0) this.#env.faults.hit('gc-page-collected');
      startKey = nextKey;
      await this.#rounds.pause(this.#config.gcPagePauseMs);
    }
    return true;
  }

  #warn(error: string, regionId?: number): false {
    this.#env.logger.warn('old versions not collected', { region_id: regionId, error });
    return false;
  }
}

function nameOf({ region }: LedRegion): string {
  return `${region.id}/${region.epoch.version}`;
}
