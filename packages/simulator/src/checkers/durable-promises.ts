import { Findings } from './findings.js';
import type { Violation } from './history.js';
import type { LogChange } from './replica-log.js';

/** The contents of a replica's log at its start, as read from the disk. */
interface RecoveredLog {
  readonly region: number;
  readonly term: number;
  readonly vote: number;
  readonly lastIndex: number;
}

/** A word of a replica to another, which it must not forget in a crash. */
export type RaftPromise =
  /** It has the log of the leader of `term` up to `index`. */
  | { readonly type: 'ack'; readonly term: number; readonly index: number }
  /** It has given its vote of `term` to this peer. */
  | { readonly type: 'vote'; readonly term: number; readonly to: number };

interface Durable {
  term: number;
  vote: number;
  lastIndex: number;
}

/**
 * Compares what processes send with what is left of them when they crash at that moment and everything that is not
 * synced is lost: acknowledged entries, votes and terms of replicas, the applied index that a log lets go of its
 * entries for, and timestamps against the bound that was saved.
 */
export class DurablePromises {
  readonly #findings = new Findings('durable');
  readonly #logs = new Map<string, Durable>();
  /** Undefined before the first one is seen. */
  #tsoBoundMs: number | undefined;
  /** How many promises of each kind were compared. */
  readonly compared: Record<'ack' | 'vote' | 'applied' | 'timestamp', number> = {
    ack: 0,
    vote: 0,
    applied: 0,
    timestamp: 0,
  };

  violations(): Violation[] {
    return this.#findings.violations();
  }

  /** A store has read its log from the disk: nothing else is left of what it knew. */
  onRecovered(store: number, logs: readonly RecoveredLog[]): void {
    const prefix = `${store} `;
    for (const key of this.#logs.keys()) if (key.startsWith(prefix)) this.#logs.delete(key);
    for (const { region, ...log } of logs) this.#logs.set(keyOf(store, region), log);
  }

  /** A change of a replica's log has become durable. */
  onDurable(store: number, change: LogChange): void {
    const key = keyOf(store, change.region);
    if (change.destroy === true) {
      this.#logs.delete(key);
      return;
    }
    // A log that was watched from its middle on is not known before its next start.
    const isBegun = change.reset !== undefined || change.hardState !== undefined;
    const log = this.#logs.get(key) ?? (isBegun ? { term: 0, vote: 0, lastIndex: 0 } : undefined);
    if (log === undefined) return;
    this.#logs.set(key, log);
    if (change.reset !== undefined) log.lastIndex = change.reset.index;
    const last = change.entries?.at(-1);
    if (last !== undefined) log.lastIndex = last.index;
    if (change.hardState === undefined) return;
    log.term = change.hardState.term;
    log.vote = change.hardState.vote;
  }

  /** A log calls an append durable, and some of its writes are not. */
  onUnsynced(name: string, writes: number): void {
    const text = `${name} calls an append durable before a sync`;
    this.#findings.add('unsynced append', text, [`${writes} writes are in the page cache alone`]);
  }

  /** A replica sends a promise. One that is gone has nothing to lose. */
  onSent(store: number, region: number, promise: RaftPromise): void {
    const log = this.#logs.get(keyOf(store, region));
    // In a later term, what it has promised may have been replaced by right.
    if (log === undefined || log.term > promise.term) return;
    this.compared[promise.type]++;
    const has = `durable: term ${log.term} vote ${log.vote} last index ${log.lastIndex}`;
    const name = `region ${region} on store ${store}`;
    if (promise.type === 'vote') {
      if (log.term === promise.term && log.vote === promise.to) return;
      const sent = `vote for ${promise.to} in term ${promise.term}`;
      this.#findings.add('vote', `${name} sends a vote that is not durable`, [sent, has]);
      return;
    }
    if (log.term === promise.term && log.lastIndex >= promise.index) return;
    const sent = `has all up to ${promise.index} in term ${promise.term}`;
    this.#findings.add('append ack', `${name} acknowledges what is not durable`, [sent, has]);
  }

  /** A log no longer needs its entries up to `index`, since the engine is said to have them durably. */
  onApplied(store: number, region: number, index: number, engineIndex: number): void {
    this.compared.applied++;
    if (engineIndex >= index) return;
    const name = `region ${region} on store ${store}`;
    const history = [`said to be durable up to ${index}`, `durable up to ${engineIndex}`];
    this.#findings.add('applied', `${name} forgets entries whose effects are not durable`, history);
  }

  /** A bound of the timestamps has become durable. */
  onTsoBound(boundMs: number): void {
    this.#tsoBoundMs = Math.max(this.#tsoBoundMs ?? 0, boundMs);
  }

  /** Timestamps up to this physical time are sent to a client. */
  onTimestamps(physicalMs: number): void {
    if (this.#tsoBoundMs === undefined) return;
    this.compared.timestamp++;
    if (physicalMs < this.#tsoBoundMs) return;
    const history = [`sent: ${physicalMs}`, `durable bound: ${this.#tsoBoundMs}`];
    this.#findings.add('timestamp', 'a timestamp is sent beyond the durable bound', history);
  }
}

function keyOf(store: number, region: number): string {
  return `${store} ${region}`;
}
