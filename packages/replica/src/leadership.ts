import type { LogIndex, PeerId, Term } from '@tinykv/base';
import type { ConfState } from '@tinykv/raft';
import { type ReplicaConfig, SNAPSHOT_LOG_KEEP_MS } from './config.js';
import { KeptLog } from './kept-log.js';
import { Lease, leaseMs } from './lease.js';

/** Election timeouts for which a follower that catches up may be silent: its store may be busy installing a snapshot. */
const GONE_AFTER_ELECTIONS = 30;

/**
 * The knowledge of a leader about itself and its followers: since when it leads, when each of them last answered,
 * until when its lease runs, and for whom it keeps its log. Times are monotonic milliseconds.
 */
export class Leadership {
  readonly #self: PeerId;
  readonly #electionMs: number;
  readonly #lease: Lease;
  readonly #keptLog: KeptLog;
  /** When each peer last answered this one, and since when this one leads. */
  readonly #heard = new Map<PeerId, number>();
  #leadsSince = Number.NEGATIVE_INFINITY;

  constructor(self: PeerId, config: ReplicaConfig) {
    this.#self = self;
    this.#electionMs = config.electionTicks * config.tickMs;
    this.#lease = new Lease(leaseMs(config.electionTicks, config.tickMs));
    this.#keptLog = new KeptLog(config.snapshotLogKeepMs ?? SNAPSHOT_LOG_KEEP_MS);
  }

  /** `again`: this peer led in an earlier term up to now. */
  begin(term: Term, now: number, again: boolean): void {
    this.#lease.begin(term);
    if (!again) this.#leadsSince = now;
  }

  end(): void {
    this.#lease.end();
    this.#keptLog.clear();
  }

  /** An answer of this peer came. */
  hear(from: PeerId, now: number): void {
    this.#heard.set(from, now);
  }

  /** A heartbeat that was sent at `sentAt` is acknowledged. */
  onAck(from: PeerId, term: Term, sentAt: number, config: ConfState, now: number): void {
    this.#lease.onAck(from, term, sentAt, this.#self, config, now);
  }

  reconfigure(config: ConfState, now: number): void {
    this.#lease.reconfigure(this.#self, config, now);
  }

  /** See {@link Lease.suspend}. */
  suspendLease(): void {
    this.#lease.suspend();
  }

  leaseValid(now: number, config: ConfState): boolean {
    return this.#lease.valid(now, this.#self, config);
  }

  isLeaseLongOver(now: number, config: ConfState): boolean {
    const times = { ledSince: this.#leadsSince, graceMs: this.#electionMs };
    return this.#lease.isLongOver(now, this.#self, config, times);
  }

  /**
   * Milliseconds for which a peer has not answered its leader. The core's `recentActive` is no measure: it
   * begins anew at each check of the quorum.
   */
  silentMs(id: PeerId, now: number): number {
    const heardAt = this.#heard.get(id) ?? Number.NEGATIVE_INFINITY;
    return now - Math.max(heardAt, this.#leadsSince);
  }

  isActive(id: PeerId, now: number): boolean {
    return this.silentMs(id, now) <= this.#electionMs;
  }

  /** A snapshot at `index` is on its way to a peer, or has just arrived there. */
  keepLogBehind(id: PeerId, index: LogIndex, now: number): void {
    this.#keptLog.keep(id, index, now);
  }

  /** The snapshot did not arrive. */
  releaseLog(id: PeerId): void {
    this.#keptLog.release(id);
  }

  /** See {@link KeptLog.bound}. */
  truncationBound(
    now: number,
    level: LogIndex,
    matchOf: (id: PeerId) => LogIndex | undefined,
  ): LogIndex {
    const silentMs = GONE_AFTER_ELECTIONS * this.#electionMs;
    return this.#keptLog.bound(now, level, (id) =>
      this.silentMs(id, now) > silentMs ? undefined : matchOf(id),
    );
  }
}
