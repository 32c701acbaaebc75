import { maxTimestamp, TS_MAX } from '@tinykv/base';

/** Transactions as the text books tell them: every version in a list, every question a search. */

export type Kind = 'put' | 'delete' | 'lock';

interface Lock {
  readonly kind: Kind | 'pessimistic';
  readonly forUpdateTs: bigint;
  readonly primary: string;
  readonly startTs: bigint;
  readonly ttlMs: number;
  readonly value: string;
  readonly minCommitTs: bigint;
  readonly isAsync: boolean;
}

/** `one-phase` and `async` count only where the store chooses timestamps. */
export type Mode = 'plain' | 'one-phase' | 'async';

interface Version {
  readonly kind: Kind;
  readonly startTs: bigint;
  readonly commitTs: bigint;
  readonly value: string;
}

export interface NaiveMutation {
  readonly isLocked: boolean;
  readonly kind: Kind;
  readonly key: string;
  readonly value: string;
}

class NaiveKey {
  lock: Lock | undefined;
  versions: Version[] = [];
  rollbacks = new Set<bigint>();

  copy(): NaiveKey {
    const copy = new NaiveKey();
    copy.lock = this.lock;
    copy.versions = [...this.versions];
    copy.rollbacks = new Set(this.rollbacks);
    return copy;
  }

  latestTs(): bigint {
    const all = [...this.versions.map((version) => version.commitTs), ...this.rollbacks];
    return all.reduce(maxTimestamp, 0n);
  }

  /** Of the puts and deletes. */
  newestTs(): bigint {
    const changes = this.versions.filter(({ kind }) => kind !== 'lock');
    return changes.map(({ commitTs }) => commitTs).reduce(maxTimestamp, 0n);
  }

  own(startTs: bigint): Version | undefined {
    return this.versions.find((version) => version.startTs === startTs);
  }

  visible(ts: bigint): string | undefined {
    const seen = this.versions
      .filter((version) => version.kind !== 'lock' && version.commitTs <= ts)
      .reduce<Version | undefined>((a, b) => (a && a.commitTs > b.commitTs ? a : b), undefined);
    return seen?.kind === 'put' ? seen.value : undefined;
  }
}

/** What the scheduler grants: the first time, and from then on. */
export interface Grants {
  readonly first: bigint;
  /** At or above every timestamp of the commands. */
  readonly later: bigint;
}

/** What a store that chooses timestamps knows of reads and grants. */
class NaiveReads {
  readonly #grants: Grants;
  #granted: bigint;
  /** The highest read at a timestamp that was known to be granted. */
  #maxTs: bigint;
  #ofRanges = 0n;
  readonly #ofKeys = new Map<string, bigint>();

  constructor(grants: Grants) {
    this.#grants = grants;
    this.#granted = grants.first;
    this.#maxTs = grants.first;
  }

  /** Without keys: of a range. */
  note(ts: bigint, keys?: readonly string[]): void {
    if (ts === TS_MAX) return;
    if (ts <= this.#granted) this.#maxTs = maxTimestamp(this.#maxTs, ts);
    else if (keys === undefined) this.#ofRanges = maxTimestamp(this.#ofRanges, ts);
    else for (const key of keys) this.#ofKeys.set(key, maxTimestamp(ts, this.#of(key)));
  }

  #of(key: string): bigint {
    return this.#ofKeys.get(key) ?? 0n;
  }

  choose(keys: readonly string[], lowest: bigint): bigint {
    const chosen = maxTimestamp(this.#maxTs + 1n, lowest);
    const unproven = keys.map((key) => this.#of(key)).reduce(maxTimestamp, this.#ofRanges);
    if (unproven >= chosen && unproven > this.#granted) this.#granted = this.#grants.later;
    return unproven > this.#granted ? chosen : maxTimestamp(chosen, unproven + 1n);
  }
}

export class NaiveMvcc {
  readonly keys: Map<string, NaiveKey>;
  /** Undefined: the store does not choose timestamps. */
  readonly #reads: NaiveReads | undefined;

  constructor(grants?: Grants, keys: ReadonlyMap<string, NaiveKey> = new Map()) {
    this.#reads = grants && new NaiveReads(grants);
    this.keys = new Map([...keys].map(([key, at]) => [key, at.copy()]));
  }

  /** Of one that chooses no timestamps. */
  copy(): NaiveMvcc {
    return new NaiveMvcc(undefined, this.keys);
  }

  at(key: string): NaiveKey {
    let found = this.keys.get(key);
    if (found === undefined) {
      found = new NaiveKey();
      this.keys.set(key, found);
    }
    return found;
  }

  #blocks(key: string, ts: bigint, strict: boolean): boolean {
    const { lock } = this.at(key);
    if (lock === undefined || lock.startTs > ts) return false;
    if (lock.kind === 'lock' || lock.kind === 'pessimistic') return false;
    if (ts !== TS_MAX) return lock.minCommitTs <= ts;
    return strict ? lock.primary !== key || lock.isAsync : lock.primary === key;
  }

  /** The value, `undefined`, or `locked`. */
  get(key: string, ts: bigint, strict: boolean): string {
    this.#reads?.note(ts, [key]);
    if (this.#blocks(key, ts, strict)) return 'locked';
    const value = this.at(key).visible(ts);
    return value === undefined ? 'none' : `=${value}`;
  }

  scan(
    range: [string, string],
    ts: bigint,
    limit: number,
    reverse: boolean,
    strict: boolean,
  ): string[] {
    this.#reads?.note(ts);
    const names = [...this.keys.keys()].filter((key) => key >= range[0] && key < range[1]).sort();
    if (reverse) names.reverse();
    return names
      .map((key) => [key, this.get(key, ts, strict)])
      .filter(([, result]) => result !== 'none')
      .map(([key, result]) => `${key}${result}`)
      .slice(0, limit);
  }

  /** The lock, then what became of transactions, the newest first. */
  history(key: string): string[] {
    const { versions, rollbacks, lock } = this.at(key);
    const ended: (readonly [ts: bigint, text: string])[] = [
      // At one timestamp the rollback comes first.
      ...[...rollbacks].map((ts) => [ts, `rollback ${ts} ${ts} `] as const),
      ...versions.map((v) => {
        const value = v.kind === 'put' ? v.value : '';
        return [v.commitTs, `${v.kind} ${v.startTs} ${v.commitTs} ${value}`] as const;
      }),
    ];
    const lines = ended.sort(([a], [b]) => Number(b - a)).map(([, text]) => text);
    return lock === undefined ? lines : [describeLock(key, lock), ...lines];
  }

  /** No end when `to` is empty; all when the limit is 0. */
  locks([from, to]: [string, string], maxTs: bigint, limit: number): string[] {
    this.#reads?.note(maxTs);
    return [...this.keys.keys()]
      .filter((key) => key >= from && (to === '' || key < to))
      .sort()
      .flatMap((key) => {
        const { lock } = this.at(key);
        return lock !== undefined && lock.startTs <= maxTs ? [describeLock(key, lock)] : [];
      })
      .slice(0, limit || undefined);
  }

  prewrite(
    mutations: readonly NaiveMutation[],
    primary: string,
    startTs: bigint,
    ttlMs: number,
    mode: Mode,
  ): string[] {
    const last = [...new Map(mutations.map((mutation) => [mutation.key, mutation])).values()];
    const former = mode === 'plain' ? undefined : this.#formerCommit(last, startTs, mode);
    if (former !== undefined) return [former];
    const errors = last.flatMap(({ key, isLocked }) => {
      const at = this.at(key);
      const own = at.lock?.startTs === startTs;
      if (own && (isLocked || at.lock?.kind !== 'pessimistic')) return [];
      if (isLocked) return at.lock || at.latestTs() >= startTs ? ['abort'] : [];
      if (at.latestTs() >= startTs) return [`conflict ${key} ${at.latestTs()}`];
      return at.lock && !own ? [`locked ${key} ${at.lock.startTs}`] : [];
    });
    if (errors.length > 0) return errors;
    const isFree = last.every(({ key }) => this.at(key).lock === undefined);
    const chooses = mode === 'async' || (mode === 'one-phase' && isFree);
    const names = last.map(({ key }) => key);
    const chosen = chooses ? this.#reads?.choose(names, startTs + 1n) : undefined;
    if (chosen !== undefined && mode === 'one-phase') {
      for (const { key, kind, value } of last)
        this.at(key).versions.push({ kind, startTs, commitTs: chosen, value });
      return [`committed ${chosen}`];
    }
    const isAsync = chosen !== undefined;
    const minCommitTs = chosen ?? 0n;
    const locks = last.map(({ key, kind, value }) => {
      const at = this.at(key);
      if (at.lock !== undefined && at.lock.kind !== 'pessimistic') return at.lock;
      const { ttlMs: ttl = 0, minCommitTs: promised = 0n } = at.lock ?? {};
      const times = { ttlMs: Math.max(ttlMs, ttl), forUpdateTs: 0n };
      const lowest = maxTimestamp(minCommitTs, promised);
      at.lock = { kind, primary, startTs, value, ...times, minCommitTs: lowest, isAsync };
      return at.lock;
    });
    if (!isAsync || locks.some((lock) => !lock.isAsync)) return [];
    const lowest = locks.map((lock) => lock.minCommitTs).reduce(maxTimestamp, 0n);
    return lowest === 0n ? [] : [`from ${lowest}`];
  }

  /** What a repeated request answers whose transaction is committed on some of the keys, and locks the others. */
  #formerCommit(
    mutations: readonly NaiveMutation[],
    startTs: bigint,
    mode: Mode,
  ): string | undefined {
    const commits = new Set<bigint>();
    let isWhole = true;
    for (const { key } of mutations) {
      const { lock } = this.at(key);
      const own = this.at(key).own(startTs);
      const holds = lock?.startTs === startTs;
      if (own !== undefined && !holds) commits.add(own.commitTs);
      else if (holds && lock.kind !== 'pessimistic') isWhole = false;
      else return undefined;
    }
    if (commits.size !== 1) return undefined;
    const [commitTs] = commits;
    return mode === 'one-phase' && isWhole ? `committed ${commitTs}` : `from ${commitTs}`;
  }

  secondaries(keys: readonly string[], startTs: bigint): string {
    for (const key of new Set(keys)) {
      const at = this.at(key);
      if (at.lock?.startTs === startTs && at.lock.kind !== 'pessimistic') continue;
      const own = at.own(startTs);
      if (own) return `committed ${own.commitTs}`;
      this.#rollbackKey(key, startTs);
      return 'rolled back';
    }
    return `locks ${new Set(keys).size}`;
  }

  /** The values under the locks, or why none was taken. */
  lock(
    keys: readonly string[],
    primary: string,
    startTs: bigint,
    forUpdateTs: bigint,
    ttlMs: number,
  ): string {
    this.#reads?.note(forUpdateTs, keys);
    const distinct = [...new Set(keys)];
    for (const key of distinct) {
      const at = this.at(key);
      const { lock } = at;
      const own = lock?.startTs === startTs;
      if (!own && (at.own(startTs) || at.rollbacks.has(startTs))) return 'abort';
      if (own && lock.kind !== 'pessimistic') return 'abort';
      if (lock && !own) return `locked ${key} ${lock.startTs}`;
      if (!own && at.latestTs() > forUpdateTs) return `conflict ${key} ${at.latestTs()}`;
    }
    for (const key of distinct) {
      const at = this.at(key);
      const { ttlMs: ttl = 0, forUpdateTs: seen = 0n } = at.lock ?? {};
      at.lock = {
        kind: 'pessimistic',
        primary,
        startTs,
        ttlMs: Math.max(ttl, ttlMs),
        forUpdateTs: maxTimestamp(seen, forUpdateTs),
        value: '',
        minCommitTs: at.lock?.minCommitTs ?? 0n,
        isAsync: false,
      };
    }
    return `ok ${distinct.map((key) => this.at(key).visible(TS_MAX) ?? '-').join()}`;
  }

  unlock(keys: readonly string[], startTs: bigint, forUpdateTs: bigint): string {
    for (const key of keys) {
      const at = this.at(key);
      const isOwn = at.lock?.startTs === startTs && at.lock.kind === 'pessimistic';
      if (isOwn && at.lock!.forUpdateTs <= forUpdateTs) at.lock = undefined;
    }
    return 'ok';
  }

  commit(keys: readonly string[], startTs: bigint, commitTs: bigint, strict: boolean): string {
    if (commitTs <= startTs) return 'abort';
    for (const key of keys) {
      const at = this.at(key);
      if (at.lock?.startTs === startTs && at.lock.kind === 'pessimistic') return 'retryable';
      if (at.lock?.startTs === startTs) {
        if (commitTs < at.lock.minCommitTs) return 'commit-ts-expired';
        if (commitTs <= at.newestTs()) return 'abort';
        continue;
      }
      const own = at.own(startTs);
      if (own !== undefined && strict && own.commitTs !== commitTs) return 'abort';
      if (own !== undefined) continue;
      if (at.rollbacks.has(startTs)) return 'abort';
      if (at.lock !== undefined || strict) return 'retryable';
    }
    for (const key of keys) this.#commitKey(key, startTs, commitTs);
    return 'ok';
  }

  #commitKey(key: string, startTs: bigint, commitTs: bigint): void {
    const at = this.at(key);
    if (at.lock?.startTs !== startTs) return;
    const { kind, value } = at.lock;
    if (kind === 'pessimistic') throw new Error('a pessimistic lock is committed');
    // The scheduler grants a timestamp once; made-up ones may meet, and a record has the place of its commit timestamp.
    const same = at.versions.findIndex((v) => v.kind === 'lock' && v.commitTs === commitTs);
    if (kind === 'lock' && same >= 0) at.versions.splice(same, 1);
    at.versions.push({ kind, startTs, commitTs, value });
    at.lock = undefined;
  }

  rollback(keys: readonly string[], startTs: bigint): string {
    if (keys.some((key) => this.at(key).own(startTs))) return 'abort';
    for (const key of keys) this.#rollbackKey(key, startTs);
    return 'ok';
  }

  #rollbackKey(key: string, startTs: bigint): void {
    const at = this.at(key);
    at.rollbacks.add(startTs);
    if (at.lock?.startTs === startTs) at.lock = undefined;
  }

  check(primary: string, startTs: bigint, currentTs: bigint, forPessimistic: boolean): string {
    const at = this.at(primary);
    if (at.lock?.startTs === startTs) {
      if (at.lock.isAsync || (startTs >> 18n) + BigInt(at.lock.ttlMs) > currentTs >> 18n)
        return `alive ${at.lock.ttlMs || 1}`;
      if (forPessimistic && at.lock.kind === 'pessimistic') {
        at.lock = undefined;
        return 'ttl-expire-pessimistic-rollback';
      }
      this.#rollbackKey(primary, startTs);
      return 'ttl-expire-rollback';
    }
    const own = at.own(startTs);
    if (own) return `committed ${own.commitTs}`;
    if (at.rollbacks.has(startTs)) return 'rolled back';
    if (forPessimistic) return 'lock-not-exist-do-nothing';
    this.#rollbackKey(primary, startTs);
    return 'lock-not-exist-rollback';
  }

  resolve(startTs: bigint, commitTs: bigint): string {
    const locked = [...this.keys]
      .filter(([, at]) => at.lock?.startTs === startTs)
      .map(([key]) => key);
    if (commitTs === 0n) return this.rollback(locked, startTs);
    if (locked.length === 0) return 'ok';
    const isPessimistic = (key: string): boolean => this.at(key).lock?.kind === 'pessimistic';
    const prewritten = locked.filter((key) => !isPessimistic(key));
    const committed = this.commit(prewritten, startTs, commitTs, true);
    if (committed !== 'ok') return committed;
    for (const key of locked.filter(isPessimistic)) this.at(key).lock = undefined;
    return 'ok';
  }
}

function describeLock(key: string, { kind, primary, startTs, ttlMs }: Lock): string {
  return `lock ${key} ${kind} of ${primary} ${startTs} ${ttlMs}`;
}
