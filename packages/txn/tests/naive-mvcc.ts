import { maxTimestamp, TS_MAX } from '@tinykv/base';

/** Transactions as the text books tell them: every version in a list, every question a search. */

export type Kind = 'put' | 'delete' | 'lock';

interface Lock {
  readonly kind: Kind;
  readonly primary: string;
  readonly startTs: bigint;
  readonly ttlMs: number;
  readonly value: string;
}

interface Version {
  readonly kind: Kind;
  readonly startTs: bigint;
  readonly commitTs: bigint;
  readonly value: string;
}

export interface NaiveMutation {
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

export class NaiveMvcc {
  readonly keys: Map<string, NaiveKey>;

  constructor(keys: ReadonlyMap<string, NaiveKey> = new Map()) {
    this.keys = new Map([...keys].map(([key, at]) => [key, at.copy()]));
  }

  copy(): NaiveMvcc {
    return new NaiveMvcc(this.keys);
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
    if (lock === undefined || lock.kind === 'lock' || lock.startTs > ts) return false;
    if (ts !== TS_MAX) return true;
    return (lock.primary === key) !== strict;
  }

  /** The value, `undefined`, or `locked`. */
  get(key: string, ts: bigint, strict: boolean): string {
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
  ): string[] {
    const last = [...new Map(mutations.map((mutation) => [mutation.key, mutation])).values()];
    const errors = last.flatMap(({ key }) => {
      const at = this.at(key);
      if (at.lock?.startTs === startTs) return [];
      if (at.latestTs() >= startTs) return [`conflict ${key} ${at.latestTs()}`];
      return at.lock ? [`locked ${key} ${at.lock.startTs}`] : [];
    });
    if (errors.length > 0) return errors;
    for (const { key, kind, value } of last) {
      const at = this.at(key);
      at.lock ??= { kind, primary, startTs, ttlMs, value };
    }
    return [];
  }

  commit(keys: readonly string[], startTs: bigint, commitTs: bigint, strict: boolean): string {
    if (commitTs <= startTs) return 'abort';
    for (const key of keys) {
      const at = this.at(key);
      if (at.lock?.startTs === startTs || at.own(startTs)) continue;
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

  check(primary: string, startTs: bigint, currentTs: bigint): string {
    const at = this.at(primary);
    if (at.lock?.startTs === startTs) {
      if ((startTs >> 18n) + BigInt(at.lock.ttlMs) > currentTs >> 18n)
        return `alive ${at.lock.ttlMs || 1}`;
      this.#rollbackKey(primary, startTs);
      return 'ttl-expire-rollback';
    }
    const own = at.own(startTs);
    if (own) return `committed ${own.commitTs}`;
    if (at.rollbacks.has(startTs)) return 'rolled back';
    this.#rollbackKey(primary, startTs);
    return 'lock-not-exist-rollback';
  }

  resolve(startTs: bigint, commitTs: bigint): string {
    const locked = [...this.keys]
      .filter(([, at]) => at.lock?.startTs === startTs)
      .map(([key]) => key);
    if (commitTs === 0n) return this.rollback(locked, startTs);
    return locked.length === 0 ? 'ok' : this.commit(locked, startTs, commitTs, true);
  }
}

function describeLock(key: string, { kind, primary, startTs, ttlMs }: Lock): string {
  return `lock ${key} ${kind} of ${primary} ${startTs} ${ttlMs}`;
}
