import {
  type Clock,
  type Env,
  err,
  errorMessage,
  KvError,
  type Logger,
  limits,
  ok,
  type Result,
  type Term,
  type Timer,
  type Timestamp,
} from '@tinykv/base';
import type { StateGroup } from './state-group.js';
import { TsoOracle, type TsoTime } from './tso.js';
import { TsoLead } from './tso-lead.js';

const TICK_MS = 50;
/** A request that finds no free timestamp for this many ticks fails. */
const TICKS_MAX = 100;

export type TsoReply = (result: Result<Timestamp, KvError>) => void;

interface Waiting {
  readonly count: number;
  readonly reply: TsoReply;
  ticks: number;
}

/**
 * Serves timestamps from the memory of the leader. Requests of a turn are answered together at its end,
 * in the order in which they came; leadership, lease and allocation are one synchronous step.
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
  #waiting: Waiting[] = [];
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

  /** Calls back once, later, with the last of `count` (1 … limits.tsoCountMax) timestamps. */
  request(count: number, reply: TsoReply): void {
    if (this.#waiting.length >= limits.tsoPendingMax) {
      reply(err(new KvError('RESOURCE_EXHAUSTED', 'too many timestamp requests wait')));
      return;
    }
    this.#waiting.push({ count, reply, ticks: 0 });
    if (this.#flushing) return;
    this.#flushing = true;
    this.#clock.defer(() => {
      this.#flushing = false;
      this.#flush();
    });
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

  #flush(): void {
    let served = 0;
    while (served < this.#waiting.length) {
      const next = this.#waiting[served]!;
      const result = this.#allocate(next.count);
      if (result === undefined) break;
      served++;
      next.reply(result);
    }
    this.#waiting.splice(0, served);
  }

  /** Undefined: not now, but after a tick or a save. */
  #allocate(count: number): Result<Timestamp, KvError> | undefined {
    const oracle = this.#oracle;
    if (oracle === undefined || this.#group.leaderTerm() !== this.#term) {
      return err(new KvError('UNAVAILABLE', 'not leader'));
    }
    if (!this.#group.leaseValid()) return err(new KvError('UNAVAILABLE', 'lease expired'));
    const last = oracle.allocate(count);
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
    for (const waiting of this.#waiting) waiting.ticks++;
    while ((this.#waiting[0]?.ticks ?? 0) >= TICKS_MAX) {
      this.#waiting.shift()!.reply(err(new KvError('UNAVAILABLE', 'no timestamp in time')));
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
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { reply } of waiting) reply(err(error));
  }
}
