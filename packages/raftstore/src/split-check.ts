import { type Env, errorMessage, type KvEngine } from '@tinykv/base';
import type { ApiMode, SchedulerApi } from '@tinykv/model';
import { encodeSplit, type SplitTarget } from './command.js';
import type { RaftStoreConfig } from './config.js';
import type { Peer } from './peer.js';
import { measureRegion } from './region-size.js';

/** Cuts made by one check; a Region that is larger still is found by the next. */
const SPLITS_PER_CHECK = 16;

/**
 * Looks for Regions that have grown, measures them one at a time, and proposes the splits. A leader
 * is looked at when it has not been measured yet, or has been written to since.
 */
export class SplitChecker {
  readonly #env: Env;
  readonly #engine: KvEngine;
  readonly #api: ApiMode;
  readonly #config: RaftStoreConfig;
  readonly #scheduler: SchedulerApi;
  #running: Promise<void> | undefined;

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
    await this.#running;
  }

  #isDue(peer: Peer): boolean {
    return !peer.measured || peer.writtenBytes >= this.#config.regionSplitBytes / 8;
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
      const size = await measureRegion(view, this.#api, region, regionMaxBytes, regionSplitBytes);
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

  /** Cuts in the middle by size, whatever the size is. */
  async halve(peer: Peer): Promise<void> {
    const view = this.#engine.snapshot();
    try {
      const { region } = peer;
      const whole = await measureRegion(view, this.#api, region, Number.POSITIVE_INFINITY, 65_536);
      const half = await measureRegion(view, this.#api, region, 0, Math.max(1, whole.bytes / 2));
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
