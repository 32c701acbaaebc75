import { type Clock, KvError, type Term } from '@tinykv/base';
import { type Command, decodeCommand, encodeCommand } from '../../src/command.js';
import { type Outcome, SchedulerState } from '../../src/state.js';
import { outcomeUnknown, type StateGroup } from '../../src/state-group.js';

/** Commands that members share: the log of a group that never loses anything. */
export class SharedLog {
  readonly entries: { readonly term: Term; readonly bytes: Uint8Array }[] = [];
  readonly members: MemoryGroup[] = [];
  term: Term = 0;

  /** All members apply all entries. */
  deliver(): void {
    for (const member of this.members) member.catchUp();
  }
}

/**
 * A StateGroup without Raft: a member leads when the test says so, and its proposals reach the shared
 * log one turn later if it still leads in the newest term.
 */
export class MemoryGroup implements StateGroup {
  state: SchedulerState = new SchedulerState();
  readonly log: SharedLog;
  readonly #clock: Clock;
  readonly #listeners: (() => void)[] = [];
  #applied = 0;
  #term: Term | undefined;
  lease = true;
  /** While true, proposals wait. */
  stalled = false;
  #waiting: (() => void)[] = [];
  readonly proposed: Command[] = [];

  constructor(clock: Clock, log: SharedLog = new SharedLog()) {
    this.#clock = clock;
    this.log = log;
    log.members.push(this);
  }

  /** A leader that is paused keeps its term: it has not heard of the new one. */
  lead(): void {
    this.catchUp();
    this.#term = ++this.log.term;
    this.lease = true;
    this.#announce();
  }

  resign(): void {
    this.#term = undefined;
    this.#announce();
  }

  /** Forgets all that is not in the log, as a restart does. */
  restart(): void {
    this.#term = undefined;
    this.state = SchedulerState.decode(new SchedulerState().encode());
    this.#applied = 0;
    this.catchUp();
  }

  catchUp(): void {
    for (; this.#applied < this.log.entries.length; this.#applied++) {
      this.state.apply(decodeCommand(this.log.entries[this.#applied]!.bytes));
    }
  }

  release(): void {
    this.stalled = false;
    for (const go of this.#waiting.splice(0)) go();
  }

  leaderTerm(): Term | undefined {
    return this.#term;
  }

  leaseValid(): boolean {
    return this.#term !== undefined && this.lease;
  }

  propose(command: Command): Promise<Outcome> {
    const term = this.#term;
    if (term === undefined) return Promise.reject(new KvError('UNAVAILABLE', 'not leader'));
    this.proposed.push(command);
    const bytes = encodeCommand(command).slice();
    return new Promise((resolve, reject) => {
      const append = (): void => {
        if (this.log.term !== term) {
          reject(outcomeUnknown('leadership lost'));
          return;
        }
        this.catchUp();
        this.log.entries.push({ term, bytes });
        this.#applied++;
        resolve(this.state.apply(decodeCommand(bytes)));
      };
      this.#clock.defer(() => {
        if (this.stalled) this.#waiting.push(append);
        else append();
      });
    });
  }

  onLeadership(listener: () => void): void {
    this.#listeners.push(listener);
  }

  #announce(): void {
    for (const listener of this.#listeners) this.#clock.defer(listener);
  }
}
