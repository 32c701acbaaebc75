import { CommittedLog } from './committed-log.js';
import { Findings } from './findings.js';
import type { Violation } from './history.js';
import { type LogChange, type LogEntry, type LogPosition, ReplicaLog } from './replica-log.js';

/** What a store says of one of its peers. */
export interface PeerStatus {
  readonly region: number;
  readonly store: number;
  readonly peer: number;
  /** Of the store's process: what is not durable may go back from one to the next. */
  readonly life: number;
  readonly isLeader: boolean;
  readonly term: number;
  readonly committed: number;
  readonly applied: number;
}

/** A leader whose log is still to be compared with what was committed before its term. */
interface Election {
  readonly store: number;
  readonly peer: number;
  compared: boolean;
}

/**
 * Watches all replicas from outside: what becomes durable in their logs, and now and then what their
 * stores say of them. Convicts two leaders of a term (election safety), two votes in a term, terms and
 * indexes that go back, equal positions with unequal entries (log matching), a leader that lacks what was
 * committed before its term (leader completeness), a log that is cut where nothing conflicts, and two
 * entries committed or applied at one index (state machine safety).
 */
export class RaftInvariants {
  readonly #findings = new Findings('raft');
  readonly #logs = new Map<string, ReplicaLog>();
  readonly #committed = new Map<number, CommittedLog>();
  readonly #elections = new Map<string, Election>();
  readonly #statuses = new Map<string, PeerStatus>();
  /** Changes of members in the logs of leaders, by Region. */
  readonly #changes = new Map<number, LogPosition[]>();
  /** Entries of all logs, by Region, term and index, each with the term of the one before it. */
  readonly #entries = new Map<string, { readonly entry: LogEntry; before: number | undefined }>();

  violations(): Violation[] {
    return this.#findings.violations();
  }

  /** A change of a replica's log has become durable. */
  onDurable(store: number, change: LogChange): void {
    const { region, reset, entries = [], hardState, truncate, durableApplied = 0 } = change;
    const name = nameOf(region, store);
    if (change.destroy === true) {
      this.#logs.delete(name);
      this.#statuses.delete(name);
      return;
    }
    const log = this.#log(name);
    if (reset !== undefined) {
      this.#checkReset(name, log, reset);
      this.#committedLog(region).addPosition(reset, hardState?.term ?? log.term, name);
      log.reset(reset);
    }
    this.#checkCut(name, log, entries);
    for (const entry of entries) this.#onEntry(region, name, log, entry);
    if (hardState !== undefined) this.#onHardState(name, log, hardState);
    this.#onCommitted(
      region,
      name,
      log,
      Math.max(log.commit, durableApplied, truncate?.index ?? 0),
    );
    if (truncate !== undefined) log.truncate(truncate);
  }

  /** A store shows one of its peers. */
  onStatus(status: PeerStatus): void {
    const { region, store, term } = status;
    const name = nameOf(region, store);
    this.#compareWithLast(name, status);
    const log = this.#log(name);
    if (term < log.term) {
      const text = `${name} is in term ${term}, though ${log.term} was durable`;
      this.#findings.add('term', text, [describe(status)]);
    }
    // Only what is durable is applied: the entries are those that the log holds.
    this.#onCommitted(region, name, log, status.applied, term);
    if (status.isLeader) this.#onLeader(status, log);
  }

  #log(name: string): ReplicaLog {
    let log = this.#logs.get(name);
    if (log === undefined) {
      log = new ReplicaLog();
      this.#logs.set(name, log);
    }
    return log;
  }

  #committedLog(region: number): CommittedLog {
    let log = this.#committed.get(region);
    if (log === undefined) {
      log = new CommittedLog(region, this.#findings);
      this.#committed.set(region, log);
    }
    return log;
  }

  #compareWithLast(name: string, status: PeerStatus): void {
    const last = this.#statuses.get(name);
    this.#statuses.set(name, status);
    if (status.applied > status.committed) {
      const text = `${name} has applied ${status.applied} of ${status.committed} committed`;
      this.#findings.add('applied', text, [describe(status)]);
    }
    if (last === undefined || last.life !== status.life || last.peer !== status.peer) return;
    for (const what of ['term', 'committed', 'applied'] as const) {
      if (status[what] >= last[what]) continue;
      const text = `${what} of ${name} went from ${last[what]} to ${status[what]}`;
      this.#findings.add(what, text, [describe(last), describe(status)]);
    }
  }

  /** A log is cut where it conflicts with the leader's, and nowhere else (Raft paper, figure 2, AppendEntries 3). */
  #checkCut(name: string, log: ReplicaLog, entries: readonly LogEntry[]): void {
    const last = entries.at(-1);
    if (last === undefined || last.index >= log.lastIndex) return;
    const held = log.at(last.index);
    if (held === undefined || held.term !== last.term) return;
    const text = `${name} gave up entries ${last.index + 1} to ${log.lastIndex}, with which nothing conflicted`;
    this.#findings.add('cut', text, [describeEntry(held), describeEntry(last)]);
  }

  /** A snapshot never takes a replica back behind what it knows to be committed (Raft paper, figure 13). */
  #checkReset(name: string, log: ReplicaLog, reset: LogPosition): void {
    if (reset.index >= log.commit) return;
    const text = `${name} goes back to a snapshot of index ${reset.index}, though it knew ${log.commit} to be committed`;
    this.#findings.add('old snapshot', text, [
      `term ${log.term}`,
      `snapshot ${reset.term}/${reset.index}`,
    ]);
  }

  /**
   * A change of members has become durable at the leader of its term, which has applied so much by now. Members change one at a
   * time (Raft dissertation §4.1): the last change in its log was applied before.
   */
  onConfChange(region: number, store: number, change: LogPosition, applied: number): void {
    const { index, term } = change;
    const changes = this.#changes.get(region) ?? [];
    this.#changes.set(region, changes);
    const log = this.#log(nameOf(region, store));
    const former = changes.findLast(
      (one) => one.index < index && log.termAt(one.index) === one.term,
    );
    changes.push(change);
    if (former === undefined || applied >= former.index) return;
    const text = `region ${region} has a change of members proposed in term ${term} before the last one was applied`;
    this.#findings.add('overlapping changes', text, [
      `change at ${former.term}/${former.index}, applied ${applied}`,
      `change at ${term}/${index}`,
    ]);
  }

  #onEntry(region: number, name: string, log: ReplicaLog, entry: LogEntry): void {
    const { index, term, digest } = entry;
    const replaced = log.at(index);
    const isSame = replaced?.term === term && replaced.digest === digest;
    if (index <= log.compared && replaced !== undefined && !isSame) {
      const text = `${name} replaces entry ${index}, which it knew to be committed`;
      this.#findings.add('committed entry', text, [describeEntry(replaced), describeEntry(entry)]);
    }
    log.put(entry);
    const before = log.termAt(index - 1);
    const key = `${region} ${term} ${index}`;
    const known = this.#entries.get(key);
    if (known === undefined) {
      this.#entries.set(key, { entry, before });
      return;
    }
    known.before ??= before;
    if (known.entry.digest === digest && (before ?? known.before) === known.before) return;
    const text = `region ${region} has two entries at index ${index} in term ${term}`;
    this.#findings.add('log matching', text, [
      `${describeEntry(known.entry)} after one of term ${known.before}`,
      `${describeEntry(entry)} after one of term ${before} on ${name}`,
    ]);
  }

  #onHardState(
    name: string,
    log: ReplicaLog,
    { term, vote, commit }: NonNullable<LogChange['hardState']>,
  ): void {
    const before = `term ${log.term} vote ${log.vote} commit ${log.commit}`;
    const now = `term ${term} vote ${vote} commit ${commit}`;
    const add = (kind: string, text: string): void =>
      this.#findings.add(kind, `${name} ${text}`, [before, now]);
    if (term < log.term) add('term', `made term ${term} durable after ${log.term}`);
    if (term === log.term && log.vote !== 0 && vote !== log.vote)
      add('vote', 'voted twice in a term');
    if (commit < log.commit) add('commit', `made commit ${commit} durable after ${log.commit}`);
    log.term = term;
    log.vote = vote;
    log.commit = commit;
  }

  /** The replica knows that its entries up to `index` are committed, in its term at the latest. */
  #onCommitted(
    region: number,
    name: string,
    log: ReplicaLog,
    index: number,
    term: number = log.term,
  ): void {
    const committed = this.#committedLog(region);
    for (let i = Math.max(log.compared + 1, log.firstIndex); i <= index; i++) {
      const entry = log.at(i);
      if (entry === undefined) return;
      committed.add(entry, term, name);
      log.compared = i;
    }
  }

  #onLeader(status: PeerStatus, log: ReplicaLog): void {
    const { region, term, store, peer } = status;
    const key = `${region} ${term}`;
    let election = this.#elections.get(key);
    if (election === undefined) {
      election = { store, peer, compared: false };
      this.#elections.set(key, election);
    }
    if (election.peer !== peer || election.store !== store) {
      const text = `peers ${election.peer} and ${peer} of region ${region} both lead in term ${term}`;
      this.#findings.add('two leaders', text, [
        `peer ${election.peer} on store ${election.store}`,
        describe(status),
      ]);
      return;
    }
    // Once the term is durable, so is all that the log held when it was elected.
    if (election.compared || log.term !== term || !log.isKnown) return;
    election.compared = true;
    this.#committedLog(region).checkLeader(log, term, nameOf(region, store));
  }
}

function nameOf(region: number, store: number): string {
  return `region ${region} on store ${store}`;
}

function describe({ peer, store, life, term, committed, applied, isLeader }: PeerStatus): string {
  const role = isLeader ? ' leader' : '';
  const indexes = `term ${term} committed ${committed} applied ${applied}`;
  return `peer ${peer} on store ${store} (life ${life})${role}: ${indexes}`;
}

function describeEntry({ index, term, digest }: LogEntry): string {
  return `${term}/${index} ${digest}`;
}
