import {
  type Clock,
  type Env,
  err,
  errorMessage,
  KvError,
  type Logger,
  ok,
  type Result,
  type Term,
  type Timer,
  type Timestamp,
} from '@tinykv/base';
import type { StateGroup } from './state-group.js';
import { TsoOracle, type TsoTime } from './tso.js';
import { TsoLead } from './tso-lead.js';
import { TsoQueue, type TsoReply } from './tso-queue.js';

const TICK_MS = 50;
/** A request that finds no free timestamp for this many ticks fails. */
const TICKS_MAX = 100;
/** Requests that are answered before others have their turn. */
const ANSWERS_PER_TURN = 1_024;

/**
 * Serves timestamps from the memory of the leader. Requests of a turn are answered together at its end, those of one
 * stream in the order in which they came, streams by turns; leadership, lease and allocation are one synchronous step.
 */
export class TsoServer {
  readonly #group: StateGroup;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #saveIntervalMs: number;
  #oracle: TsoOracle | undefined;
  /** The leadership that the oracle belongs to. */
  #term: Term = 0;
  #saving = false;
  readonly #waiting = new TsoQueue();
  #ticks = 0;
  #flushing = false;
  #ticker: Timer | undefined;
  readonly #lead: TsoLead;

  constructor(
    group: StateGroup,
    env: Pick<Env, 'clock' | 'logger' | 'metrics'>,
    saveIntervalMs: number,
  ) {
    this.#group = group;
    this.#clock = env.clock;
    this.#logger = env.logger;
    this.#saveIntervalMs = saveIntervalMs;
    this.#lead = new TsoLead(env, saveIntervalMs);
  }

  start(): void {
    this.#tickLater();
    this.#follow();
  }

  stop(): void {
    this.#ticker?.cancel();
    this.#oracle = undefined;
    this.#refuse(new KvError('UNAVAILABLE', 'the scheduler stops'));
  }

  /** Physical part of the newest timestamps, or undefined while this member does not serve. */
  get physicalMs(): number | undefined {
    return this.#oracle?.physicalMs;
  }

  /** Calls back once, later, with the last of `count` (1 … limits.tsoCountMax) timestamps; not if `stream` is forgotten. */
  request(stream: object, count: number, reply: TsoReply): void {
    if (!this.#waiting.add(stream, { count, reply, since: this.#ticks })) {
      reply(err(new KvError('RESOURCE_EXHAUSTED', 'too many timestamp requests wait')));
      return;
    }
    this.#flushLater();
  }

  /** Nobody waits any more for what the stream has asked for. */
  forget(stream: object): void {
    this.#waiting.forget(stream);
  }

  /** To be called when the group's leadership may have changed. */
  onLeadership(): void {
    this.#follow();
    this.#flush();
  }

  /** A leadership begins with a new oracle above everything that was ever promised. */
  #follow(): void {
    const term = this.#group.leaderTerm();
    if (term === undefined) {
      this.#oracle = undefined;
    } else if (this.#oracle === undefined || this.#term !== term) {
      const { tsoBoundMs } = this.#group.state;
      this.#term = term;
      this.#oracle = new TsoOracle(tsoBoundMs, this.#time(), this.#saveIntervalMs);
      this.#saving = false;
      this.#save();
    }
  }

  #time(): TsoTime {
    return { wallMs: this.#clock.wall(), monoMs: this.#clock.mono() };
  }

  #flushLater(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#clock.defer(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    for (let served = 0; served < ANSWERS_PER_TURN; served++) {
      const next = this.#waiting.first();
      if (next === undefined) return;
      const result = this.#allocate(next.count);
      if (result === undefined) return;
      this.#waiting.shift();
      next.reply(result);
    }
    this.#flushLater();
  }

  /** Undefined: not now, but after a tick or a save. */
  #allocate(count: number): Result<Timestamp, KvError> | undefined {
    const oracle = this.#oracle;
    if (oracle === undefined || this.#group.leaderTerm() !== this.#term) {
      return err(new KvError('UNAVAILABLE', 'not leader'));
    }
    if (!this.#group.leaseValid()) return err(new KvError('UNAVAILABLE', 'lease expired'));
    let last = oracle.allocate(count);
    if (last === 'exhausted' && oracle.advance(this.#time())) last = oracle.allocate(count);
    return typeof last === 'bigint' ? ok(last) : undefined;
  }

  #tickLater(): void {
    this.#ticker = this.#clock.after(TICK_MS, () => {
      this.#tickLater();
      this.#tick();
    });
  }

  #tick(): void {
    this.#follow();
    const time = this.#time();
    this.#oracle?.tick(time);
    this.#lead.watch(this.#oracle?.aheadMs(time));
    this.#save();
    this.#flush();
    this.#ticks += 1;
    for (const { reply } of this.#waiting.takeOld(this.#ticks - TICKS_MAX)) {
      reply(err(new KvError('UNAVAILABLE', 'no timestamp in time')));
    }
  }

  #save(): void {
    const oracle = this.#oracle;
    const boundMs = oracle?.wantedBound(this.#time());
    if (oracle === undefined || boundMs === undefined || this.#saving) return;
    this.#saving = true;
    const finish = (): boolean => {
      // A save of an earlier leadership says nothing of this one.
      if (this.#oracle !== oracle) return false;
      this.#saving = false;
      return true;
    };
    this.#group.propose({ type: 'save-tso', boundMs }).then(
      () => {
        if (!finish()) return;
        oracle.onSaved(boundMs);
        this.#flush();
      },
      (error: unknown) => {
        // The next tick tries again, if this member still leads.
        if (finish()) this.#logger.warn('tso window not saved', { error: errorMessage(error) });
      },
    );
  }

  #refuse(error: KvError): void {
    for (const { reply } of this.#waiting.takeAll()) reply(err(error));
  }
}
