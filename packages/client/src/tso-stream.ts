import {
  type Env,
  KvError,
  limits,
  type NetError,
  type NetStream,
  OutageLog,
  type Timer,
  type Timestamp,
  TS_ZERO,
} from '@tinykv/base';
import { schedulerpb, timestampFromWire } from '@tinykv/proto';
import { Backoff } from './backoff.js';
import { clientClosed } from './lifetime.js';
import { checkHeader, type SchedulerLink } from './scheduler-link.js';

interface Waiter {
  readonly count: number;
  /** Monotonic milliseconds. */
  readonly deadline: number;
  readonly resolve: (last: Timestamp) => void;
  readonly reject: (error: KvError) => void;
}

/** One request on the stream, and whom its timestamps are for, in order. */
interface Batch {
  readonly waiters: readonly Waiter[];
  readonly count: number;
  /** Monotonic milliseconds. */
  readonly sentMono: number;
}

interface Session {
  stream: NetStream | undefined;
  readonly inflight: Batch[];
  silence: Timer | undefined;
}

/** An answer that takes longer means that the stream is dead. */
const ANSWER_TIMEOUT_MS = 3_000;
/** With `failFast`, one that takes longer means that the scheduler is away. */
const AWAY_AFTER_MS = 2_000;
/** How long a caller waits for a timestamp, over all streams and leaders. */
const WAIT_MS = 15_000;

/**
 * Timestamps over one stream. Those who ask in the same turn share a request; nothing is ever fetched
 * ahead, since a timestamp from before an operation began could make it miss what was committed since.
 */
export class TsoStream {
  readonly #env: Env;
  readonly #link: SchedulerLink;
  #waiting: Waiter[] = [];
  #session: Session | undefined;
  #scheduled = false;
  #recovering = false;
  #closed = false;
  #latest: Timestamp = TS_ZERO;
  readonly #backoff: Backoff;
  readonly #outage: OutageLog;
  readonly #failFast: boolean;
  /** Why the scheduler is known to be away. Invariant: with `failFast` alone, and then a question of our own waits. */
  #away: KvError | undefined;

  /** `failFast`: nobody waits for a scheduler that is known to be away: all members refuse, or none answers for 2 s. */
  constructor(env: Env, link: SchedulerLink, failFast = false) {
    this.#env = env;
    this.#link = link;
    this.#failFast = failFast;
    this.#backoff = new Backoff(env, Number.POSITIVE_INFINITY, undefined, undefined, link.scope);
    this.#outage = new OutageLog(env, 'timestamp stream lost');
  }

  /** Why nobody waits for timestamps; undefined while the scheduler answers, and without `failFast`. */
  get away(): KvError | undefined {
    return this.#away;
  }

  /** The last of `count` consecutive timestamps. Rejects with KvError. */
  get(count: number): Promise<Timestamp> {
    if (this.#closed) return Promise.reject(clientClosed());
    if (this.#away !== undefined) return Promise.reject(this.#away);
    if (!Number.isInteger(count) || count < 1 || count > limits.tsoCountMax) {
      const text = `cannot ask for ${count} timestamps`;
      return Promise.reject(new KvError('INVALID_ARGUMENT', text));
    }
    if (this.#waiting.length >= limits.tsoPendingMax) {
      const text = `${this.#waiting.length} requests wait for timestamps`;
      return Promise.reject(new KvError('RESOURCE_EXHAUSTED', text));
    }
    return new Promise((resolve, reject) => {
      const deadline = this.#env.clock.mono() + WAIT_MS;
      this.#waiting.push({ count, deadline, resolve, reject });
      this.#schedule();
    });
  }

  close(): void {
    this.#closed = true;
    const session = this.#session;
    this.#session = undefined;
    session?.silence?.cancel();
    session?.stream?.destroy();
    const waiters = [...(session?.inflight ?? []).flatMap((b) => b.waiters), ...this.#waiting];
    this.#waiting = [];
    for (const waiter of waiters) waiter.reject(clientClosed());
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
    if (this.#closed || this.#recovering || this.#waiting.length === 0) return;
    const session = this.#session ?? this.#connect();
    while (this.#waiting.length > 0 && session.inflight.length < limits.tsoInflightMax) {
      if (this.#session !== session) return;
      const batch = this.#nextBatch();
      session.inflight.push(batch);
      this.#watch(session);
      const header = { clusterId: this.#link.clusterId };
      session.stream?.send(schedulerpb.TsoRequest.encode({ header, count: batch.count }));
    }
  }

  #nextBatch(): Batch {
    let count = 0;
    let length = 0;
    for (const waiter of this.#waiting) {
      if (count + waiter.count > limits.tsoCountMax) break;
      count += waiter.count;
      length++;
    }
    const sentMono = this.#env.clock.mono();
    return { waiters: this.#waiting.splice(0, length), count, sentMono };
  }

  #connect(): Session {
    const session: Session = { stream: undefined, inflight: [], silence: undefined };
    this.#session = session;
    session.stream = this.#env.net.open(this.#link.leader, schedulerpb.Scheduler.tso.path, {
      onMessage: (message) => this.#onMessage(session, message),
      onClose: (error) => this.#lose(session, error),
    });
    return session;
  }

  /** Gives the stream up when its oldest request stays without an answer. */
  #watch(session: Session): void {
    const oldest = session.inflight[0];
    if (session.silence !== undefined || oldest === undefined) return;
    const timeoutMs = this.#failFast ? AWAY_AFTER_MS : ANSWER_TIMEOUT_MS;
    const leftMs = oldest.sentMono + timeoutMs - this.#env.clock.mono();
    session.silence = this.#env.clock.after(leftMs, () => {
      session.silence = undefined;
      if (this.#session !== session) return;
      if (session.inflight[0] !== oldest) return this.#watch(session);
      if (this.#failFast) this.#giveUp(session, `no answer for ${timeoutMs} ms`);
      this.#lose(session, { code: 'DEADLINE_EXCEEDED', message: 'no timestamp in time' });
    });
  }

  #onMessage(session: Session, message: Uint8Array): void {
    if (this.#session !== session) return;
    try {
      const response = schedulerpb.TsoResponse.decode(message);
      checkHeader(response.header, this.#link.clusterId);
      this.#deliver(session, response);
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      this.#lose(session, error);
      return;
    }
    this.#flush();
  }

  #deliver(session: Session, { count, timestamp }: schedulerpb.TsoResponse): void {
    const batch = session.inflight[0];
    if (batch === undefined || count !== batch.count || timestamp === undefined) {
      throw new KvError(
        'INTERNAL',
        `answer of ${count} timestamps to a request for ${batch?.count}`,
      );
    }
    const last = timestampFromWire(timestamp);
    let ts = last - BigInt(count);
    if (ts < this.#latest) {
      throw new KvError('INTERNAL', `timestamp ${last} after ${this.#latest} was handed out`);
    }
    session.inflight.shift();
    this.#latest = last;
    this.#backoff.reset();
    this.#outage.worked();
    this.#answered();
    for (const waiter of batch.waiters) {
      ts += BigInt(waiter.count);
      waiter.resolve(ts);
    }
  }

  /** The scheduler is away: nobody waits any more, but a question of our own, which goes on until it is answered. */
  #giveUp(session: Session | undefined, why: string): void {
    if (this.#away !== undefined) return;
    this.#away = new KvError('UNAVAILABLE', `the scheduler ${this.#link.leader} is away: ${why}`);
    this.#env.logger.warn('scheduler is away', { scheduler: this.#link.leader, why });
    const given = [
      ...(session?.inflight.splice(0) ?? []).flatMap((b) => b.waiters),
      ...this.#waiting,
    ];
    const nobody = (): void => undefined;
    const deadline = Number.POSITIVE_INFINITY;
    this.#waiting = [{ count: 1, deadline, resolve: nobody, reject: nobody }];
    for (const waiter of given) waiter.reject(this.#away);
  }

  #answered(): void {
    if (this.#away === undefined) return;
    this.#away = undefined;
    this.#env.logger.info('scheduler answers again', { scheduler: this.#link.leader });
  }

  /** Asking again only wastes timestamps, so those in flight wait for the next stream. */
  #lose(session: Session, reason: NetError | undefined): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    session.silence?.cancel();
    session.stream?.destroy();
    this.#waiting = [...session.inflight.flatMap((batch) => batch.waiters), ...this.#waiting];
    if (this.#waiting.length > 0) {
      void this.#recover(
        reason ?? { code: 'UNAVAILABLE', message: 'the scheduler ended the stream' },
      );
    }
  }

  async #recover(reason: NetError): Promise<void> {
    this.#recovering = true;
    this.#outage.failed({ leader: this.#link.leader, ...reason });
    const reach = await this.#link.refreshLeader();
    if (this.#failFast && reach === 'refused') this.#giveUp(undefined, reason.message);
    await this.#backoff.pause('scheduler');
    this.#recovering = false;
    if (this.#closed) return;
    const now = this.#env.clock.mono();
    const late = this.#waiting.filter((waiter) => waiter.deadline <= now);
    this.#waiting = this.#waiting.filter((waiter) => waiter.deadline > now);
    for (const waiter of late) {
      waiter.reject(new KvError(reason.code, `no timestamp: ${reason.message}`));
    }
    this.#schedule();
  }
}
