import { assert, type Env, errorMessage, type KvEngine } from '@tinykv/base';
import type { ApiMode, SchedulerApi } from '@tinykv/model';
import { encodeSplit, type SplitTarget } from './command.js';
import type { RaftStoreConfig } from './config.js';
import type { Peer } from './peer.js';
import { measureRegion } from './region-size.js';

/** Cuts made by one check; a Region that is larger still is found by the next. */
const SPLITS_PER_CHECK = 16;

/** Between two pages of some 256 KiB, for those who are served meanwhile: 12 s in all for a Region of 384 MB. */
const PAGE_PAUSE_MS = 8;

/** Of a piece, written: a Region near its greatest size is not measured again for less. */
const WRITTEN_PART = 1 / 8;

/**
 * Looks for Regions that have grown, measures them one at a time, and proposes the splits. A leader
 * is measured when it has not been yet, or could have outgrown its greatest size by what has been
 * written to it since: reading all of it more often would cost more than its writes.
 */
export class SplitChecker {
  readonly #env: Env;
  readonly #engine: KvEngine;
  readonly #api: ApiMode;
  readonly #config: RaftStoreConfig;
  readonly #scheduler: SchedulerApi;
  #running: Promise<void> | undefined;
  #stopped = false;

  constructor(
    env: Env,
    engine: KvEngine,
    api: ApiMode,
    config: RaftStoreConfig,
    scheduler: SchedulerApi,
  ) {
    this.#env = env;
    this.#engine = engine;
    this.#api = api;
    this.#config = config;
    this.#scheduler = scheduler;
  }

  /** Starts a round over these leaders unless one is under way. */
  check(leaders: readonly Peer[]): void {
    if (this.#running !== undefined) return;
    const due = leaders.filter((peer) => this.#isDue(peer));
    if (due.length === 0) return;
    this.#running = this.#round(due).finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when no round is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  #isDue(peer: Peer): boolean {
    const { regionMaxBytes, regionSplitBytes } = this.#config;
    if (!peer.measured) return true;
    return peer.mostBytes > regionMaxBytes && peer.writtenBytes >= regionSplitBytes * WRITTEN_PART;
  }

  async #round(peers: readonly Peer[]): Promise<void> {
    for (const peer of peers) {
      if (!peer.isLeader || peer.group.destroyed) continue;
      try {
        await this.#checkPeer(peer);
      } catch (error) {
        this.#env.logger.warn('split check', {
          region_id: peer.region.id,
          error: errorMessage(error),
        });
      }
    }
  }

  async #checkPeer(peer: Peer): Promise<void> {
    const { region } = peer;
    const written = peer.writtenBytes;
    const view = this.#engine.snapshot();
    try {
      const { regionMaxBytes, regionSplitBytes } = this.#config;
      const size = await measureRegion(
        view,
        this.#api,
        region,
        regionMaxBytes,
        regionSplitBytes,
        () => this.#pause(peer),
      );
      if (size === undefined) return;
      if (peer.region.epoch.version !== region.epoch.version) return;
      peer.approximateBytes = size.bytes;
      peer.approximateKeys = size.keys;
      peer.measured = true;
      peer.writtenBytes -= written;
      if (size.splitKeys.length > 0) await this.split(peer, size.splitKeys);
    } finally {
      view.close();
    }
  }

  async #pause(peer: Peer): Promise<boolean> {
    await new Promise<void>((resolve) => {
      this.#env.clock.after(PAGE_PAUSE_MS, resolve);
    });
    return !this.#stopped && peer.isLeader && !peer.group.destroyed;
  }

  /** Cuts in the middle by size, whatever the size is. */
  async halve(peer: Peer): Promise<void> {
    const view = this.#engine.snapshot();
    try {
      const { region } = peer;
      const whole = await measureRegion(view, this.#api, region, Number.POSITIVE_INFINITY, 65_536);
      assert(whole !== undefined, 'a scan without a pace goes to its end');
      const half = await measureRegion(view, this.#api, region, 0, Math.max(1, whole.bytes / 2));
      assert(half !== undefined, 'a scan without a pace goes to its end');
      if (half.splitKeys.length > 0) await this.split(peer, half.splitKeys.slice(0, 1));
    } finally {
      view.close();
    }
  }

  /** Asks for ids and proposes; a Region that changed meanwhile refuses the entry when it is applied. */
  async split(peer: Peer, keys: readonly Uint8Array[]): Promise<void> {
    const { region } = peer;
    const splits: SplitTarget[] = [];
    for (const key of keys.slice(0, SPLITS_PER_CHECK)) {
      const { regionId, peerIds } = await this.#scheduler.askSplit(region);
      splits.push({ key, regionId, peerIds });
    }
    if (!peer.isLeader || peer.group.destroyed) return;
    peer.propose(encodeSplit(region.epoch.version, splits), []);
    peer.group.touch();
  }
}
