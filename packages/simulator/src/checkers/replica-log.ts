import type { NewestVersion } from './version-order.js';

/** An entry as far as replicas must agree on it. */
export interface LogEntry {
  readonly index: number;
  readonly term: number;
  /** Of its contents. */
  readonly digest: string;
  /** Names of writes in it that their clients send once, if it is an entry that will be applied. */
  readonly once?: readonly string[];
  /** The newest versions of keys that it leaves. */
  readonly versions?: readonly NewestVersion[];
}

export interface LogPosition {
  readonly index: number;
  readonly term: number;
}

/** What became durable of one replica's log at once; the fields take effect in this order. */
export interface LogChange {
  readonly region: number;
  readonly destroy?: boolean;
  readonly reset?: LogPosition;
  readonly entries?: readonly LogEntry[];
  readonly hardState?: { readonly term: number; readonly vote: number; readonly commit: number };
  readonly truncate?: LogPosition;
  readonly durableApplied?: number;
}

/** The durable log of one replica, as far as it was watched: it may have begun before the watch did. */
export class ReplicaLog {
  term = 0;
  vote = 0;
  commit = 0;
  /** Entries up to this one are known to be committed and were compared with those of other replicas. */
  compared = 0;
  #entries: LogEntry[] = [];
  /** Index of the first entry, if there is one. */
  #first = 1;
  /** Term of the entry before the first; undefined where it is not known. */
  #termBefore: number | undefined;

  /** Whether it was seen where the log begins or goes on. */
  get isKnown(): boolean {
    return this.#first > 1 || this.#entries.length > 0;
  }

  get firstIndex(): number {
    return this.#first;
  }

  get lastIndex(): number {
    return this.#first + this.#entries.length - 1;
  }

  at(index: number): LogEntry | undefined {
    return this.#entries[index - this.#first];
  }

  termAt(index: number): number | undefined {
    return index === this.#first - 1 ? this.#termBefore : this.at(index)?.term;
  }

  /** The log begins after this point. */
  reset({ index, term }: LogPosition): void {
    this.#entries = [];
    this.#first = index + 1;
    this.#termBefore = term;
    this.compared = index;
  }

  /** Takes an entry; those that the log had from its index on are gone. */
  put(entry: LogEntry): void {
    const isElsewhere = entry.index < this.#first || entry.index > this.lastIndex + 1;
    if (isElsewhere) {
      // The watch began in the middle.
      this.#entries = [];
      this.#first = entry.index;
      this.#termBefore = undefined;
      this.compared = Math.max(this.compared, entry.index - 1);
    }
    this.#entries.length = entry.index - this.#first;
    this.#entries.push(entry);
  }

  truncate({ index, term }: LogPosition): void {
    if (index < this.#first) return;
    this.#entries.splice(0, index + 1 - this.#first);
    this.#first = index + 1;
    this.#termBefore = term;
  }
}
