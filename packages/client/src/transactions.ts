import type { Timestamp } from '@tinykv/base';
import type { CallOptions } from './call-limits.js';
import type { Committed } from './committed.js';
import type { KeyRead, KeyReader } from './key-reads.js';
import type { OneKeyWriter } from './one-key-calls.js';
import type { OneKeyResult, OneKeyWrite } from './one-key-wire.js';
import type { ReadVersions } from './snapshot.js';
import type { Txn } from './txn.js';
import type { RunOptions, TxnClient } from './txn-client.js';
import type { TxnOptions } from './txn-options.js';

/**
 * Transactions, in one call or step by step:
 *
 *     const n = await client.txn(async (t) => …);
 *     await using t = await client.txn.begin();
 */
export interface Transactions {
  /**
   * Runs `fn` in a transaction and commits it, again from the start while it loses against others: after a
   * {@link RetryableTxnError} of this transaction, not of another that `fn` uses. It is never run again once it may
   * have been committed: then {@link UndeterminedError} is thrown. A commit that `fn` begins by itself is waited for, and
   * its failure thrown, though `fn` may have caught it.
   */
  <T>(fn: (txn: Txn) => Promise<T>, options?: RunOptions): Promise<T>;
  /** The same by name. */
  run<T>(fn: (txn: Txn) => Promise<T>, options?: RunOptions): Promise<T>;
  /** The same, for those who want to know when it was committed. */
  runWithCommitTs<T>(fn: (txn: Txn) => Promise<T>, options?: RunOptions): Promise<Committed<T>>;
  /** To be committed by the caller. Throws KvError when the scheduler gives no timestamp. */
  begin(options?: TxnOptions): Promise<Txn>;
  /**
   * The newest committed value of one key, linearizable, without a timestamp from the scheduler. Two such
   * reads are not one snapshot. Undefined: the key does not exist.
   */
  getNewest(key: Uint8Array, options?: CallOptions): Promise<Uint8Array | undefined>;
  /** @deprecated The former name of {@link getNewest}, which reads no snapshot. */
  snapshotGet(key: Uint8Array, options?: CallOptions): Promise<Uint8Array | undefined>;
  /**
   * What each key is, with the commit timestamp of the Put or Delete that made it so. By default the newest: linearizable
   * for each key, without a timestamp from the scheduler, and no snapshot of them all. Else as `ts` sees them.
   */
  snapshotVersions(
    keys: readonly Uint8Array[],
    ts?: Timestamp,
    options?: CallOptions,
  ): Promise<ReadVersions>;
  /**
   * A write of one key that its store decides, in one hop: those that are asked for in one turn share a request for each
   * Region. Asked for twice with one timestamp it happens once. Throws {@link UndeterminedError} when nobody knows whether
   * it happened, {@link KeyLockedError} when a transaction held the key for as long as the call may take.
   */
  writeOneKey(write: OneKeyWrite, options?: Pick<CallOptions, 'timeoutMs'>): Promise<OneKeyResult>;
  /**
   * The same for many writes of distinct keys, without a promise for each: sent at once, one request for each Region.
   * `writer` hears of each as {@link writeOneKey} would end. Throws for arguments that are wrong; then none was sent.
   */
  writeOneKeys<W extends OneKeyWrite>(
    writes: readonly W[],
    timeoutMs: number,
    writer: OneKeyWriter<W>,
  ): void;
  /**
   * The newest versions of distinct keys, each linearizable for itself, without a promise for each: sent at once, one request
   * for each Region. `reader` hears of each as {@link snapshotVersions} would end for it alone.
   */
  readNewest<R extends KeyRead>(reads: readonly R[], timeoutMs: number, reader: KeyReader<R>): void;
  /** The same as `ts` sees the keys, together one snapshot. */
  readAt<R extends KeyRead>(
    reads: readonly R[],
    ts: Timestamp,
    timeoutMs: number,
    reader: KeyReader<R>,
  ): void;
  /** A fresh timestamp of the cluster. */
  timestamp(options?: CallOptions): Promise<Timestamp>;
}

export function transactionsOf(client: TxnClient): Transactions {
  const run: Transactions['run'] = (fn, options) => client.run(fn, options);
  const call: Transactions['run'] = (fn, options) => run(fn, options);
  return Object.assign(call, {
    run,
    runWithCommitTs: <T>(fn: (txn: Txn) => Promise<T>, options?: RunOptions) =>
      client.runWithCommitTs(fn, options),
    begin: (options?: TxnOptions) => client.begin(options),
    getNewest: (key: Uint8Array, options?: CallOptions) => client.getNewest(key, options),
    snapshotGet: (key: Uint8Array, options?: CallOptions) => client.getNewest(key, options),
    snapshotVersions: (keys: readonly Uint8Array[], ts?: Timestamp, options?: CallOptions) =>
      client.snapshotVersions(keys, ts, options),
    writeOneKey: (write: OneKeyWrite, options?: Pick<CallOptions, 'timeoutMs'>) =>
      client.writeOneKey(write, options),
    writeOneKeys: <W extends OneKeyWrite>(
      writes: readonly W[],
      timeoutMs: number,
      writer: OneKeyWriter<W>,
    ) => client.writeOneKeys(writes, timeoutMs, writer),
    readNewest: <R extends KeyRead>(reads: readonly R[], timeoutMs: number, reader: KeyReader<R>) =>
      client.readNewest(reads, timeoutMs, reader),
    readAt: <R extends KeyRead>(
      reads: readonly R[],
      ts: Timestamp,
      timeoutMs: number,
      reader: KeyReader<R>,
    ) => client.readAt(reads, ts, timeoutMs, reader),
    timestamp: (options?: CallOptions) => client.timestamp(options),
  });
}
