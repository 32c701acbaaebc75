import { fromUtf8, limits, utf8 } from '@tinykv/base';
import { expect } from 'vitest';
import type { CheckTxnRequest, Mutation, TxnContext } from '../src/index.js';
import { type FakeStore, fakeStore, key, OLD, pairs, served } from './fake-store.js';

export const put = (k: string, value: string): Mutation => ({
  kind: 'put',
  key: key(k),
  value: utf8(value),
});
export const del = (k: string): Mutation => ({ kind: 'delete', key: key(k) });
export const lock = (k: string): Mutation => ({ kind: 'lock', key: key(k) });

/** A store and one client of it, in short words. */
export class Session {
  readonly store: FakeStore;
  context: TxnContext = OLD;

  constructor(store: FakeStore = fakeStore()) {
    this.store = store;
  }

  async prewrite(startTs: bigint, mutations: Mutation[], primary = 'p', ttlMs = 3000) {
    const request = { mutations, primary: key(primary), startTs, ttlMs };
    const work = this.store.txn.writes.prewrite(this.context, request);
    return (await served(this.#ended(work, mutations.length))).errors;
  }
  commit(startTs: bigint, commitTs: bigint, ...keys: string[]) {
    const request = { keys: keys.map(key), startTs, commitTs };
    const work = this.store.txn.writes.commit(this.context, request);
    return served(this.#ended(work, keys.length));
  }
  /** A command of many keys gives turns away, which the clock must hand out. */
  #ended<T>(work: Promise<T>, keys: number): Promise<T> {
    return keys > limits.commandPartKeys ? this.store.env.clock.runUntil(work) : work;
  }
  rollback(startTs: bigint, ...keys: string[]) {
    return served(
      this.store.txn.writes.batchRollback(this.context, { keys: keys.map(key), startTs }),
    );
  }
  check(
    primary: string,
    startTs: bigint,
    currentTs: bigint,
    options: Pick<CheckTxnRequest, 'resolvingPessimisticLock'> = {},
  ) {
    return served(
      this.store.txn.writes.checkTxnStatus(this.context, {
        primary: key(primary),
        startTs,
        currentTs,
        ...options,
      }),
    );
  }
  resolve(startTs: bigint, commitTs: bigint) {
    return served(this.store.txn.writes.resolveLock(this.context, { startTs, commitTs }));
  }
  async get(k: string, ts: bigint): Promise<string | undefined> {
    const answer = await served(this.store.txn.reads.get(this.context, key(k), ts));
    if (answer.type === 'value') return fromUtf8(answer.value);
    return answer.type === 'not-found' ? undefined : `(${answer.error.type})`;
  }
  async put(startTs: bigint, commitTs: bigint, k: string, value: string): Promise<void> {
    expect(await this.prewrite(startTs, [put(k, value)], k)).toEqual([]);
    expect(await this.commit(startTs, commitTs, k)).toBeUndefined();
  }
  async scan(
    ts: bigint,
    limit: number,
    options: { start?: string; end?: string; reverse?: boolean } = {},
  ) {
    const scan = pairs(
      this.store.txn.reads.scan(this.context, {
        startKey: utf8(options.start ?? ''),
        endKey: utf8(options.end ?? ''),
        limit,
        ts,
        reverse: options.reverse ?? false,
        keyOnly: false,
      }),
    );
    // A long one gives turns away, which the clock must hand out.
    const found = await this.store.env.clock.runUntil(scan);
    return found.map((pair) =>
      pair.type === 'value'
        ? `${fromUtf8(pair.key)}=${fromUtf8(pair.value)}`
        : `${fromUtf8(pair.key)}:${pair.error.type}`,
    );
  }
  /** Why a scan reads nothing. */
  async scanError(ts: bigint) {
    const range = { startKey: utf8(''), endKey: utf8(''), limit: 9 };
    const request = { ...range, ts, reverse: false, keyOnly: false };
    const answer = await served(this.store.txn.reads.scan(this.context, request));
    return answer.type === 'key-error' ? answer.error : undefined;
  }
}
