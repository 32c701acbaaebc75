import {
  assert,
  errorMessage,
  InvariantError,
  KvError,
  limits,
  type Timestamp,
} from '@tinykv/base';
import { type KeyError, locationKey, rangeContains } from '@tinykv/model';
import { keyErrorFromWire, type kvrpcpb, tinykvpb } from '@tinykv/proto';
import { UndeterminedError } from './errors.js';
import type { Abandonable } from './give-up.js';
import { keyErrorToThrow } from './key-errors.js';
import type { Operation } from './operation.js';
import { phaseTimeoutMs } from './prewrite-wire.js';
import { Prewriter } from './prewriter.js';
import { statusAtPrimary } from './primary-status.js';
import type { CachedRegion } from './region-cache.js';
import { splitByBytes } from './split-by-bytes.js';
import type { CommitInput, TxnContext } from './txn-context.js';

const COMMIT_TIMEOUT_MS = 20_000;

const rpc = tinykvpb.TinyKv;

/**
 * Percolator's commit: lock every key, fetch the commit timestamp, commit the primary key, and with it
 * the transaction. The other keys follow in the background; readers that meet their locks find the
 * outcome at the primary. The {@link Prewriter} may do with the first step alone.
 */
export class TwoPhaseCommit implements Abandonable {
  readonly #context: TxnContext;
  readonly #input: CommitInput;
  readonly #primary: Uint8Array;
  readonly #prewriter: Prewriter;
  /** From here on it may be committed. */
  #isDeciding = false;
  #isGivenUp = false;
  #background: Promise<void> = Promise.resolve();

  constructor(context: TxnContext, input: CommitInput) {
    const first = input.mutations[0];
    assert(first !== undefined, 'nothing to commit');
    this.#context = context;
    this.#input = input;
    this.#primary = first.key;
    this.#prewriter = new Prewriter(context, input);
  }

  /** What goes on after {@link run} has ended. Never rejects. */
  get background(): Promise<void> {
    return this.#background;
  }

  /** See {@link Abandonable}. */
  giveUp(): boolean {
    if (this.#isDeciding) return false;
    this.#isGivenUp = true;
    this.#prewriter.stop();
    return true;
  }

  /** Called when the next request may commit the transaction. */
  #decide(): void {
    if (this.#isGivenUp) throw new KvError('CANCELLED', 'the commit was given up');
    this.#isDeciding = true;
  }

  /**
   * The commit timestamp. Throws {@link RetryableTxnError} or another KvError when the transaction is
   * certainly not committed, {@link UndeterminedError} when that is not known.
   */
  async run(): Promise<Timestamp> {
    const { timestamp, env } = this.#context;
    const { startTs } = this.#input;
    let rest: readonly Uint8Array[];
    let commitTs: Timestamp;
    try {
      if (this.#prewriter.mayCommit) this.#decide();
      const prewritten = await this.#prewriter.run();
      if (prewritten.type === 'committed') {
        commitTs = prewritten.commitTs;
        rest = prewritten.locked;
      } else {
        env.faults.hit('client-prewritten');
        commitTs = await timestamp();
        this.#decide();
        env.faults.hit('client-before-commit');
        [commitTs, rest] = await this.#commitPrimary(commitTs);
      }
    } catch (error) {
      // Whoever does not know the outcome must not clean up after it, nor after a commit that should not be.
      if (!(error instanceof UndeterminedError) && !(error instanceof InvariantError)) {
        this.#background = this.#inBackground('rollback', () => this.#rollback());
      }
      throw error;
    }
    assert(commitTs > startTs, () => `commit_ts ${commitTs} is not after start_ts ${startTs}`);
    env.faults.hit('client-committed');
    if (rest.length > 0) {
      this.#background = this.#inBackground('commit', () => this.#commitRest(rest, commitTs));
    }
    return commitTs;
  }

  /**
   * Commits the primary and its neighbours in one request; returns the commit timestamp, which is another when a read
   * has pushed the lock above the first, and the keys that are left.
   */
  async #commitPrimary(wanted: Timestamp): Promise<[Timestamp, readonly Uint8Array[]]> {
    const { router, timestamp } = this.#context;
    const operation = router.begin('decisive', COMMIT_TIMEOUT_MS);
    const location = locationKey(router.api, this.#primary);
    const all = this.#input.mutations.map(({ key }) => key);
    let commitTs = wanted;
    for (;;) {
      const region = await router.locate(location, operation);
      const count = this.#primaryBatchLength(region);
      const response = await this.#sendCommit(region, all.slice(0, count), commitTs, operation);
      if (response === undefined) continue;
      if (response.error === undefined) return [commitTs, all.slice(count)];
      const error = keyErrorFromWire(response.error);
      if (error.type === 'commit-ts-expired') {
        // Earlier attempts at lower timestamps are refused as well, whenever they arrive.
        commitTs = await router.within(operation, timestamp());
      } else {
        await this.#onCommitError(error, commitTs, operation);
        return [commitTs, all];
      }
    }
  }

  /** How many keys go with the primary: it is the first, so its Region holds those right after it. */
  #primaryBatchLength(region: CachedRegion): number {
    const { mutations } = this.#input;
    const { api } = this.#context.router;
    let bytes = 0;
    for (let i = 0; i < mutations.length; i++) {
      const { key } = mutations[i]!;
      bytes += key.length;
      const fits = i === 0 || bytes <= limits.txnBatchBytesMax;
      if (!fits || !rangeContains(region.range, locationKey(api, key))) {
        assert(i > 0, () => `the primary is not in region ${region.id}`);
        return i;
      }
    }
    return mutations.length;
  }

  /**
   * The store refuses the commit, and so does not say whether there is one already. Returns if an earlier attempt,
   * whose answer was lost, has made it; throws otherwise: what is committed is never taken for a failure, which
   * would be run again.
   */
  async #onCommitError(error: KeyError, commitTs: Timestamp, operation: Operation): Promise<void> {
    const { startTs } = this.#input;
    const failure = keyErrorToThrow(error, startTs);
    const txn = { startTs, primary: this.#primary };
    const status = await statusAtPrimary(this.#context.resolver, txn, operation);
    switch (status.type) {
      case 'rolled-back':
        throw failure;
      case 'alive':
        if (!operation.maybeApplied) throw failure;
        throw new UndeterminedError(`a commit may still arrive: ${failure.message}`);
      case 'committed':
        assert(
          status.commitTs === commitTs,
          () => `transaction ${startTs} is committed at ${status.commitTs}, not at ${commitTs}`,
        );
    }
  }

  #sendCommit(
    region: CachedRegion,
    keys: readonly Uint8Array[],
    commitVersion: Timestamp,
    operation: Operation,
  ): Promise<kvrpcpb.CommitResponse | undefined> {
    const { startTs: startVersion } = this.#input;
    return this.#context.router.sendToRegion(
      region,
      rpc.kvCommit,
      (context) => ({ context, startVersion, keys, commitVersion }),
      operation,
    );
  }

  #commitRest(keys: readonly Uint8Array[], commitTs: Timestamp): Promise<void> {
    this.#context.env.faults.hit('client-before-rest');
    return this.#sendKeys(keys, async (region, part, operation) => {
      const response = await this.#sendCommit(region, part, commitTs, operation);
      if (response?.error !== undefined) {
        throw keyErrorToThrow(keyErrorFromWire(response.error), this.#input.startTs);
      }
      return response !== undefined;
    });
  }

  #rollback(): Promise<void> {
    this.#context.env.faults.hit('client-before-rollback');
    const { startTs: startVersion } = this.#input;
    return this.#sendKeys(this.#prewriter.locked, async (region, keys, operation) => {
      const response = await this.#context.router.sendToRegion(
        region,
        rpc.kvBatchRollback,
        (context) => ({ context, startVersion, keys }),
        operation,
      );
      if (response?.error !== undefined) {
        throw keyErrorToThrow(keyErrorFromWire(response.error), startVersion);
      }
      return response !== undefined;
    });
  }

  #sendKeys(
    keys: readonly Uint8Array[],
    send: (region: CachedRegion, keys: readonly Uint8Array[], part: Operation) => Promise<boolean>,
  ): Promise<void> {
    return this.#context.router.sendGrouped(
      keys,
      (key) => key,
      (part) => splitByBytes(part, (key) => key.length),
      send,
      this.#context.router.begin('repeatable', phaseTimeoutMs(this.#input.bytes)),
    );
  }

  /** What fails here costs time only: whoever meets a lock that is left resolves it. */
  async #inBackground(what: string, work: () => Promise<void>): Promise<void> {
    const { env, router } = this.#context;
    try {
      await work();
    } catch (error) {
      // The client was closed before: it says so once.
      if (router.life.commits.isOver) return;
      const startTs = String(this.#input.startTs);
      env.logger.warn(`background ${what} failed`, { startTs, error: errorMessage(error) });
      const help = 'Background commits and rollbacks that left locks to others';
      env.metrics.counter('tinykv_client_background_failures_total', help, { what }).add();
    }
  }
}
