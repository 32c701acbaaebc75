import {
  type Counter,
  type Env,
  KvError,
  limits,
  type NetError,
  type NetStream,
  type RegionId,
} from '@tinykv/base';
import type { RegionOperator, RegionReport } from '@tinykv/model';
import { operatorFromWire, reportToWire, schedulerpb } from '@tinykv/proto';
import { Backoff } from './backoff.js';
import { SchedulerError } from './errors.js';
import { checkHeader, type SchedulerLink } from './scheduler-link.js';

/** Refused reports are mentioned this often. */
const REFUSAL_LOG_MS = 1_000;

interface Session {
  stream: NetStream | undefined;
  blocked: boolean;
}

/**
 * Region heartbeats on one stream, and the operators that come back on it. Of reports about the same
 * Region that wait, the newest is sent. A report that is lost with a stream is not sent again: the store is asked
 * to report every Region anew, as the scheduler may have restarted and know none.
 */
export class RegionHeartbeats {
  readonly #env: Env;
  readonly #link: SchedulerLink;
  readonly #dropped: Counter;
  readonly #waiting = new Map<RegionId, RegionReport>();
  readonly #handlers: ((operator: RegionOperator) => void)[] = [];
  readonly #lostHandlers: (() => void)[] = [];
  #session: Session | undefined;
  #scheduled = false;
  #recovering = false;
  #closed = false;
  /** When a refusal was last logged, and how many came since. */
  #refusalLoggedAt: number = Number.NEGATIVE_INFINITY;
  #refusals = 0;
  readonly #backoff: Backoff;

  constructor(env: Env, link: SchedulerLink) {
    this.#env = env;
    this.#link = link;
    this.#dropped = env.metrics.counter(
      'tinykv_client_region_heartbeats_dropped_total',
      'Region heartbeats that found the queue full',
    );
    this.#backoff = new Backoff(env, Number.POSITIVE_INFINITY, undefined, undefined, link.scope);
  }

  onOperator(handler: (operator: RegionOperator) => void): void {
    this.#handlers.push(handler);
  }

  onReportsLost(handler: () => void): void {
    this.#lostHandlers.push(handler);
  }

  send(report: RegionReport): void {
    if (this.#closed) return;
    const { id } = report.region;
    if (!this.#waiting.has(id) && this.#waiting.size >= limits.regionHeartbeatQueueMax) {
      this.#dropped.add();
      return;
    }
    this.#waiting.set(id, report);
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
    this.#waiting.clear();
    const session = this.#session;
    this.#session = undefined;
    session?.stream?.destroy();
  }

  #schedule(): void {
    if (this.#scheduled || this.#recovering) return;
    this.#scheduled = true;
    this.#env.clock.defer(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#closed || this.#recovering || this.#waiting.size === 0) return;
    const session = this.#session ?? this.#connect();
    const header = { clusterId: this.#link.clusterId };
    for (const [id, report] of this.#waiting) {
      if (this.#session !== session || session.blocked) return;
      this.#waiting.delete(id);
      const request = { ...reportToWire(report), header };
      const bytes = schedulerpb.RegionHeartbeatRequest.encode(request);
      session.blocked = session.stream?.send(bytes) === false;
    }
  }

  #connect(): Session {
    const session: Session = { stream: undefined, blocked: false };
    this.#session = session;
    const { path } = schedulerpb.Scheduler.regionHeartbeat;
    session.stream = this.#env.net.open(this.#link.leader, path, {
      onMessage: (message) => this.#onMessage(session, message),
      onClose: (error) => this.#lose(session, error),
      onDrain: () => {
        session.blocked = false;
        if (this.#session === session) this.#flush();
      },
    });
    return session;
  }

  #onMessage(session: Session, message: Uint8Array): void {
    if (this.#session !== session) return;
    let operator: RegionOperator | undefined;
    try {
      const response = schedulerpb.RegionHeartbeatResponse.decode(message);
      checkHeader(response.header, this.#link.clusterId);
      operator = operatorFromWire(response);
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      if (error instanceof SchedulerError) this.#refused(error);
      else this.#lose(session, error);
      return;
    }
    this.#backoff.reset();
    if (operator === undefined) return;
    for (const handler of this.#handlers) handler(operator);
  }

  /** One report was refused, as stale for example: the stream serves all other Regions of the store. */
  #refused(error: SchedulerError): void {
    const now = this.#env.clock.mono();
    if (now - this.#refusalLoggedAt < REFUSAL_LOG_MS) {
      this.#refusals++;
      return;
    }
    const fields = { reason: error.message, more: this.#refusals };
    this.#env.logger.warn('region heartbeat refused', fields);
    this.#refusalLoggedAt = now;
    this.#refusals = 0;
  }

  #lose(session: Session, error: NetError | undefined): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    session.stream?.destroy();
    const reason = error?.message ?? 'the scheduler ended the stream';
    this.#env.logger.warn('region heartbeat stream lost', { leader: this.#link.leader, reason });
    void this.#recover();
  }

  /** Until a member leads again, nothing is sent: reports wait, the newest of each Region. */
  async #recover(): Promise<void> {
    this.#recovering = true;
    while (!this.#closed) {
      const reach = await this.#link.refreshLeader();
      await this.#backoff.pause('scheduler');
      if (reach === 'led') break;
    }
    this.#recovering = false;
    if (this.#closed) return;
    for (const handler of this.#lostHandlers) handler();
    if (this.#waiting.size > 0) this.#schedule();
  }
}
