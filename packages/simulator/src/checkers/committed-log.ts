import type { Findings } from './findings.js';
import type { LogEntry, LogPosition, ReplicaLog } from './replica-log.js';
import { VersionOrder } from './version-order.js';

/** What somebody knew to be committed at an index. */
interface Committed {
  readonly term: number;
  /** Missing where only a snapshot told of the index. */
  digest: string | undefined;
  /** The smallest term in which somebody knew of it: it was committed by then. */
  knownIn: number;
  readonly by: string;
}

/** What one Region has committed, as told by all its replicas: at each index one entry, for ever. */
export class CommittedLog {
  readonly #region: number;
  readonly #findings: Findings;
  readonly #entries = new Map<number, Committed>();
  /** By the name of a write that is sent once: where it is committed. */
  readonly #once = new Map<string, number>();
  readonly #versions: VersionOrder;

  constructor(region: number, findings: Findings) {
    this.#region = region;
    this.#findings = findings;
    this.#versions = new VersionOrder(findings);
  }

  /** A replica that is in `term` knows that this entry is committed. */
  add(entry: LogEntry, knownIn: number, by: string): void {
    const { index, term, digest, once = [], versions = [] } = entry;
    const isNews = this.#entries.get(index)?.digest === undefined;
    this.#add(index, { term, digest, knownIn, by });
    if (!isNews) return;
    for (const name of once) this.#addOnce(name, index);
    this.#versions.add(this.#region, index, versions);
  }

  #addOnce(name: string, index: number): void {
    const first = this.#once.get(name) ?? index;
    this.#once.set(name, first);
    if (first === index) return;
    const text = `region ${this.#region} has committed a write twice that its client sent once`;
    this.#findings.add('sent once', text, [`${name} stands at index ${first} and at ${index}`]);
  }

  /** The same of an entry whose contents are not known: a snapshot took their place. */
  addPosition({ index, term }: LogPosition, knownIn: number, by: string): void {
    this.#add(index, { term, digest: undefined, knownIn, by });
  }

  #add(index: number, now: Committed): void {
    const known = this.#entries.get(index);
    if (known === undefined) {
      this.#entries.set(index, now);
      return;
    }
    known.knownIn = Math.min(known.knownIn, now.knownIn);
    known.digest ??= now.digest;
    const isSame = known.term === now.term && (now.digest ?? known.digest) === known.digest;
    if (isSame) return;
    const text = `region ${this.#region} has committed two entries at index ${index}`;
    this.#findings.add('state machine safety', text, [
      describe(index, known),
      describe(index, now),
    ]);
  }

  /** The leader of a term has all that was committed before the term. */
  checkLeader(log: ReplicaLog, term: number, name: string): void {
    for (const [index, committed] of this.#entries) {
      // Known in a later term, it may have been committed after this leader had gone.
      if (committed.knownIn >= term || index < log.firstIndex) continue;
      const entry = log.at(index);
      const isSame =
        entry?.term === committed.term &&
        (committed.digest === undefined || committed.digest === entry.digest);
      if (isSame) continue;
      const has = entry === undefined ? 'nothing' : `${entry.term}/${index} ${entry.digest}`;
      const text = `${name} leads in term ${term} without what was committed before`;
      this.#findings.add('leader completeness', text, [
        describe(index, committed),
        `${name} has ${has} there`,
      ]);
      return;
    }
  }
}

function describe(index: number, { term, digest, knownIn, by }: Committed): string {
  return `${term}/${index} ${digest ?? 'by a snapshot'}: known in term ${knownIn} by ${by}`;
}
