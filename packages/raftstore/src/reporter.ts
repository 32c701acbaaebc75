import { type Env, errorMessage, OutageLog } from '@tinykv/base';
import {
  type Peer as PeerMeta,
  type SchedulerApi,
  StoreRefusedError,
  type StoreStats,
} from '@tinykv/model';
import type { RaftStoreConfig } from './config.js';
import type { Peer } from './peer.js';

/** A peer that is silent for longer than so many election timeouts is reported as down. */
const DOWN_ELECTION_TIMEOUTS = 2;

/** State that the scheduler may have forgotten is reported anew within this time, not all at once. */
const AGAIN_MS = 1_000;

/** Who reports. */
export interface ReportingStore {
  readonly startToken: number;
  /** The scheduler knows a later start of the store, or one elsewhere. */
  refused(error: StoreRefusedError): void;
}

/** Tells the scheduler about Regions that this store leads, at once when something changed, and about the store. */
export class Reporter {
  readonly #env: Env;
  readonly #scheduler: SchedulerApi;
  readonly #config: RaftStoreConfig;
  readonly #self: ReportingStore;
  readonly #outage: OutageLog;
  #storeReportAt = Number.NEGATIVE_INFINITY;
  #storeReporting = false;

  constructor(env: Env, scheduler: SchedulerApi, config: RaftStoreConfig, self: ReportingStore) {
    this.#env = env;
    this.#scheduler = scheduler;
    this.#config = config;
    this.#self = self;
    this.#outage = new OutageLog(env, 'store heartbeat');
  }

  /** Reports the Region if it has news or its time has come. */
  report(peer: Peer): void {
    if (!peer.isLeader || !peer.initialized) return;
    const pending = this.#peersWhere(peer, (id) => isPending(peer, id));
    const down = this.#peersWhere(peer, (id) => peer.group.silentMs(id) > this.#downMs());
    const { region } = peer;
    const signature = [
      peer.group.node.term,
      region.epoch.version,
      region.epoch.confVer,
      pending.map((p) => p.id).join(),
      down.map((p) => p.id).join(),
      Math.round(Math.log2(peer.mostBytes + 1) * 4),
    ].join(' ');
    const now = this.#env.clock.mono();
    const due = now - peer.lastReportAt >= this.#config.regionHeartbeatMs;
    if (signature === peer.lastReport && !due) return;
    peer.lastReport = signature;
    peer.lastReportAt = now;
    this.#scheduler.regionHeartbeat({
      region,
      leader: peer.meta,
      term: peer.group.node.term,
      pendingPeers: pending,
      downPeers: down,
      approximateBytes: peer.mostBytes,
      approximateKeys: peer.approximateKeys,
      startToken: this.#self.startToken,
    });
  }

  /** The scheduler may know nothing any more: all is due within a second, spread over it. */
  reportAgain(peers: readonly Peer[]): void {
    this.#storeReportAt = Number.NEGATIVE_INFINITY;
    const overdueAt = this.#env.clock.mono() - this.#config.regionHeartbeatMs;
    peers.forEach((peer, i) => {
      const dueInMs = (AGAIN_MS * i) / peers.length;
      peer.lastReportAt = Math.min(peer.lastReportAt, overdueAt + dueInMs);
    });
  }

  /** A peer that has missed several heartbeats, and that the others may soon have to do without. */
  #downMs(): number {
    const { electionTicks, tickMs } = this.#config.replica;
    return DOWN_ELECTION_TIMEOUTS * electionTicks * tickMs;
  }

  #peersWhere(peer: Peer, test: (id: number) => boolean): PeerMeta[] {
    return peer.region.peers.filter((p) => p.id !== peer.meta.id && test(p.id));
  }

  /** Reports the store if its time has come. */
  reportStore(stats: () => Promise<StoreStats>): void {
    const now = this.#env.clock.mono();
    if (this.#storeReporting || now - this.#storeReportAt < this.#config.storeHeartbeatMs) return;
    this.#storeReporting = true;
    this.#storeReportAt = now;
    stats()
      .then((report) =>
        this.#scheduler.storeHeartbeat({ ...report, startToken: this.#self.startToken }),
      )
      .then(() => this.#outage.worked())
      .catch((error: unknown) => {
        if (error instanceof StoreRefusedError) this.#self.refused(error);
        else this.#outage.failed({ error: errorMessage(error) });
      })
      .finally(() => {
        this.#storeReporting = false;
      });
  }
}

/** A follower that still needs what the leader's log no longer has, or was never heard of. */
function isPending(peer: Peer, id: number): boolean {
  const progress = peer.group.node.progressOf(id);
  if (progress === undefined) return false;
  return progress.match === 0 || progress.match < peer.group.storage.truncated.index;
}
