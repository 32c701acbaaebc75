import { err, maxTimestamp, ok, type Result, TS_MAX, TS_ZERO } from '@tinykv/base';
import {
  describeKeyError,
  type KeyError,
  type RegionAccess,
  type RegionError,
} from '@tinykv/model';
import {
  type Answer,
  checkKeyCount,
  keysOfCommand,
  keyTooLong,
  type LatchedCommands,
} from './latched-commands.js';
import { checkSecondaries, type SecondariesStatus } from './mvcc/async-commit.js';
import { checkTxnStatus, type TxnStatus } from './mvcc/check-txn.js';
import { commit } from './mvcc/commit.js';
import { distinctKeys } from './mvcc/decision.js';
import { heartBeat } from './mvcc/heart-beat.js';
import { lockedKeys, type ResolveTxn, resolve } from './mvcc/resolve.js';
import { rollback } from './mvcc/rollback.js';
import type { OnePhaseGate } from './one-phase-gate.js';
import { PrewriteCommands, type WriteParts } from './prewrite-commands.js';
import { isKeyTooLong, keyTooLongMessage, stopIfGone, withSnapshot } from './region-read.js';
import type {
  CheckSecondariesRequest,
  CheckTxnRequest,
  CommitRequest,
  HeartBeatRequest,
  PrewriteAnswer,
  PrewriteRequest,
  RollbackRequest,
  TxnContext,
} from './requests.js';
import { WriteAdmission } from './write-admission.js';

/** Percolator's writing commands. */
export class WriteCommands {
  readonly #access: RegionAccess;
  readonly #commands: LatchedCommands;
  readonly #admission: WriteAdmission;
  readonly #prewrites: PrewriteCommands;
  readonly #gate: OnePhaseGate | undefined;

  constructor(parts: WriteParts) {
    const { commands, gate } = parts;
    this.#gate = gate;
    this.#admission = new WriteAdmission(gate);
    this.#access = commands.access;
    this.#commands = commands;
    this.#prewrites = new PrewriteCommands(parts);
  }

  /** As {@link PrewriteCommands.prewrite}. */
  prewrite(context: TxnContext, request: PrewriteRequest): Answer<PrewriteAnswer> {
    const { startTs, minCommitTs = TS_ZERO, forUpdateTs = TS_ZERO } = request;
    return this.#admission.admit(
      startTs,
      maxTimestamp(minCommitTs, forUpdateTs),
      (error) => ok({ errors: [error] }),
      () => this.#prewrites.prewrite(context, request),
    );
  }

  commit(context: TxnContext, request: CommitRequest): Answer<KeyError | undefined> {
    const keys = keysOfCommand(request.keys);
    const tooLong = keys.find(isKeyTooLong);
    if (tooLong !== undefined) return Promise.resolve(ok(keyTooLong(tooLong)));
    const { startTs, commitTs } = request;
    return this.#admission.admit(startTs, commitTs, ok, () =>
      this.#commands.onEachTxnKey(context, keys, startTs, (facts) =>
        commit(facts, { ...request, strict: context.strict }),
      ),
    );
  }

  batchRollback(context: TxnContext, request: RollbackRequest): Answer<KeyError | undefined> {
    const keys = keysOfCommand(request.keys);
    const tooLong = keys.find(isKeyTooLong);
    if (tooLong !== undefined) return Promise.resolve(ok(keyTooLong(tooLong)));
    const { startTs } = request;
    return this.#admission.admit(startTs, TS_ZERO, ok, () =>
      this.#commands.onEachTxnKey(context, keys, startTs, (facts) => rollback(facts, startTs)),
    );
  }

  checkTxnStatus(context: TxnContext, request: CheckTxnRequest): Answer<TxnStatus> {
    const { primary, startTs } = request;
    if (isKeyTooLong(primary)) {
      // The response has no field for an error of the key.
      return Promise.resolve(err({ type: 'other', message: keyTooLongMessage(primary) }));
    }
    return this.#admission.admit(startTs, TS_ZERO, asRegionError, () =>
      this.#checkTxnStatus(context, request),
    );
  }

  async #checkTxnStatus(context: TxnContext, request: CheckTxnRequest): Answer<TxnStatus> {
    const { primary, startTs, currentTs, callerStartTs = TS_ZERO } = request;
    const { strict } = context;
    const isPush = this.#gate !== undefined && callerStartTs > TS_ZERO && callerStartTs < TS_MAX;
    const pushUpToTs = isPush ? await this.#gate.grantedUpTo(currentTs) : currentTs;
    const mode = { strict, pushUpToTs };
    return this.#commands.onTxnKeys(context, [primary], startTs, (facts, { safePoint }) =>
      checkTxnStatus(facts[0]!, { ...request, ...mode, safePoint }),
    );
  }

  /** The time to live of the primary's lock, in milliseconds from the start. */
  txnHeartBeat(context: TxnContext, request: HeartBeatRequest): Answer<Result<number, KeyError>> {
    const { primary, startTs, ttlMs } = request;
    if (isKeyTooLong(primary)) return Promise.resolve(ok(err(keyTooLong(primary))));
    return this.#commands.onTxnKeys(context, [primary], startTs, (facts) =>
      heartBeat(facts[0]!, startTs, ttlMs),
    );
  }

  /** Whether a transaction that commits asynchronously has all of these keys prewritten. */
  checkSecondaryLocks(
    context: TxnContext,
    request: CheckSecondariesRequest,
  ): Answer<SecondariesStatus> {
    const keys = keysOfCommand(request.keys);
    const tooLong = keys.find(isKeyTooLong);
    if (tooLong !== undefined) {
      return Promise.resolve(err({ type: 'other', message: keyTooLongMessage(tooLong) }));
    }
    const { startTs } = request;
    return this.#admission.admit(startTs, TS_ZERO, asRegionError, () =>
      this.#commands.onTxnKeys(context, keys, startTs, (facts) => checkSecondaries(facts, startTs)),
    );
  }

  /**
   * Ends the transaction on those of the keys that it still locks; without keys, on every key of the Region, a
   * bounded batch at a time.
   */
  resolveLock(
    context: TxnContext,
    named: ResolveTxn,
    keys: readonly Uint8Array[] = [],
  ): Answer<KeyError | undefined> {
    checkKeyCount(keys.length);
    return this.#admission.admit(named.startTs, named.commitTs, ok, () =>
      this.#resolveLock(context, named, keys),
    );
  }

  async #resolveLock(
    context: TxnContext,
    txn: ResolveTxn,
    keys: readonly Uint8Array[],
  ): Answer<KeyError | undefined> {
    if (keys.length > 0) return this.#resolveKeys(context, keys, txn);
    // That there are no locks is an answer too, and no proposal proves it: it is read as any other.
    const view = await this.#access.acquireRead(context, []);
    if (!view.ok) return view;
    const { api } = this.#access;
    const resolved = await withSnapshot(view.value, async (snapshot) => {
      const { range } = view.value.region;
      for await (const keys of lockedKeys(snapshot, api, range, txn)) {
        stopIfGone(context);
        const done = await this.#resolveKeys(context, keys, txn);
        if (!done.ok || done.value !== undefined) return done;
      }
      return ok(undefined);
    });
    return resolved.ok ? resolved.value : resolved;
  }

  #resolveKeys(
    context: TxnContext,
    keys: readonly Uint8Array[],
    txn: ResolveTxn,
  ): Answer<KeyError | undefined> {
    const distinct = distinctKeys(keys);
    const tooLong = distinct.find(isKeyTooLong);
    if (tooLong !== undefined) return Promise.resolve(ok(keyTooLong(tooLong)));
    return this.#commands.onEachTxnKey(context, distinct, txn.startTs, (facts) =>
      resolve(facts, txn),
    );
  }
}

/** For responses that have no field for an error of a key which every client knows. */
function asRegionError(error: KeyError): Result<never, RegionError> {
  return err({ type: 'other', message: describeKeyError(error) });
}
