import { assert } from '@tinykv/base';
import { type Anomalies, nameOf } from './anomalies.js';
import type { Txn } from './txn-facts.js';

/** What is known of one list. */
export interface KeyVersions {
  readonly key: string;
  /** The longest list that anybody read: its prefixes are the versions. */
  readonly order: readonly number[];
  readonly longestBy: Txn | undefined;
  readonly readers: readonly Txn[];
  /** Committed, but in no list that was read: these appends come after all of `order`. */
  readonly unseen: readonly Txn[];
}

interface Draft {
  order: readonly number[];
  longestBy: Txn | undefined;
  readonly readers: Txn[];
  readonly writers: Map<number, Txn>;
  unseen: readonly Txn[];
}

/** The order of the versions of each list, and what single reads give away. */
export class Versions {
  readonly #anomalies: Anomalies;
  readonly #keys = new Map<string, Draft>();
  /** Transactions of unknown outcome whose appends somebody has read: they have committed. */
  readonly #observed = new Set<Txn>();

  constructor(txns: readonly Txn[], anomalies: Anomalies) {
    this.#anomalies = anomalies;
    for (const txn of txns) this.#addTxn(txn);
    for (const [key, draft] of this.#keys) this.#observe(key, draft);
    for (const [key, draft] of this.#keys) draft.unseen = this.#unseen(key, draft);
  }

  keys(): KeyVersions[] {
    return [...this.#keys].map(([key, draft]) => ({ key, ...draft }));
  }

  writer(key: string, value: number): Txn | undefined {
    return this.#keys.get(key)?.writers.get(value);
  }

  isCommitted(txn: Txn): boolean {
    return txn.record.outcome === 'ok' || this.#observed.has(txn);
  }

  /** Adds what is wrong with single reads, and with pairs of them. */
  check(): void {
    for (const [key, draft] of this.#keys) {
      const { order, longestBy, readers } = draft;
      if (longestBy !== undefined) this.#checkList(key, order, longestBy);
      for (const reader of readers) {
        const list = reader.reads.get(key)!;
        if (!isPrefix(list, order)) {
          const message = `${nameOf(reader)} and ${nameOf(longestBy!)} read ${key} in different orders`;
          this.#anomalies.add('incompatible order', message, [reader, longestBy!]);
          this.#checkList(key, list, reader);
        }
        this.#checkLast(key, list, reader);
      }
      this.#checkUpdates(key, draft);
    }
  }

  #addTxn(txn: Txn): void {
    for (const [key, values] of txn.appends) {
      const { writers } = this.#draft(key);
      for (const value of values) {
        assert(!writers.has(value), () => `${value} was appended twice to ${key}`);
        writers.set(value, txn);
      }
    }
    for (const [key, list] of txn.reads) {
      const draft = this.#draft(key);
      draft.readers.push(txn);
      if (draft.longestBy !== undefined && list.length <= draft.order.length) continue;
      draft.order = list;
      draft.longestBy = txn;
    }
  }

  #draft(key: string): Draft {
    let draft = this.#keys.get(key);
    if (draft === undefined) {
      draft = { order: [], longestBy: undefined, readers: [], writers: new Map(), unseen: [] };
      this.#keys.set(key, draft);
    }
    return draft;
  }

  #observe(key: string, { order, readers, writers }: Draft): void {
    const see = (list: readonly number[]): void => {
      for (const value of list) {
        const txn = writers.get(value);
        if (txn?.record.outcome === 'unknown') this.#observed.add(txn);
      }
    };
    see(order);
    for (const { reads } of readers) {
      const list = reads.get(key)!;
      if (!isPrefix(list, order)) see(list);
    }
  }

  #unseen(key: string, { order, writers }: Draft): Txn[] {
    const seen = new Set(order);
    const txns = new Set<Txn>();
    for (const txn of writers.values()) {
      if (!this.isCommitted(txn)) continue;
      if (txn.appends.get(key)!.every((value) => !seen.has(value))) txns.add(txn);
    }
    return [...txns];
  }

  #checkList(key: string, list: readonly number[], reader: Txn): void {
    const seen = new Set<number>();
    let before: Txn | undefined;
    const finished = new Set<Txn>();
    for (const value of list) {
      const writer = this.writer(key, value);
      const what = `${nameOf(reader)} reads ${value} of ${key}`;
      if (seen.has(value)) this.#anomalies.add('duplicate', `${what} twice`, [reader]);
      seen.add(value);
      if (writer === undefined) {
        this.#anomalies.add('garbage', `${what}, which nobody appended`, [reader]);
        continue;
      }
      if (writer === reader) {
        this.#anomalies.add('internal', `${what} before it appends it`, [reader]);
      } else if (writer.record.outcome === 'fail') {
        const message = `${what}, which ${nameOf(writer)} appended and took back`;
        this.#anomalies.add('G1a', message, [writer, reader]);
      }
      if (writer !== before && before !== undefined) finished.add(before);
      if (finished.has(writer)) {
        const message = `${what} among the appends of another`;
        this.#anomalies.add('G1b', message, [writer, before!, reader]);
      }
      before = writer;
    }
  }

  /** A version ends where a transaction ends, not in the middle of its appends. */
  #checkLast(key: string, list: readonly number[], reader: Txn): void {
    const last = list.at(-1);
    if (last === undefined) return;
    const writer = this.writer(key, last);
    if (writer === undefined || writer === reader) return;
    if (writer.appends.get(key)!.at(-1) === last) return;
    const message = `${nameOf(reader)} reads ${key} in the middle of the appends of ${nameOf(writer)}`;
    this.#anomalies.add('G1b', message, [writer, reader]);
  }

  /** Of those that read one version and append to it only one can commit. */
  #checkUpdates(key: string, { readers }: Draft): void {
    const updates = new Map<number, Txn>();
    for (const txn of readers) {
      if (!txn.appends.has(key) || !this.isCommitted(txn)) continue;
      const { length } = txn.reads.get(key)!;
      const rival = updates.get(length);
      if (rival !== undefined) {
        const message = `${nameOf(rival)} and ${nameOf(txn)} append to the same version of ${key}`;
        this.#anomalies.add('lost update', message, [rival, txn]);
      }
      updates.set(length, txn);
    }
  }
}

function isPrefix(list: readonly number[], whole: readonly number[]): boolean {
  return list.length <= whole.length && list.every((value, i) => value === whole[i]);
}
