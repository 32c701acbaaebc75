import { KvError, TS_ZERO } from '@tinykv/base';
import { type LockInfo, locationKey, rangeContains } from '@tinykv/model';
import { tinykvtxn } from '@tinykv/proto';
import type { Backoff } from './backoff.js';
import { checkBytes, checkKey } from './check-arguments.js';
import { KeyLockedError, RequestError } from './errors.js';
import type { LockResolver } from './lock-resolver.js';
import {
  Call,
  type Commits,
  fail,
  lockOf,
  type OneKeyWriter,
  settle,
  splitCalls,
} from './one-key-calls.js';
import { type KeyChange, type OneKeyResult, type OneKeyWrite, toWire } from './one-key-wire.js';
import { isTooMuch, Operation, undetermined } from './operation.js';
import { statusAtPrimary } from './primary-status.js';
import type { CachedRegion } from './region-cache.js';
import type { Router } from './router.js';

const { OneKeyResult: Result, Txn } = tinykvtxn;

/** Sends the writes that are asked for in one turn, or in one call, together, one request for each Region. */
export class OneKeyWrites {
  readonly #router: Router;
  readonly #resolver: LockResolver;
  readonly #defer: (fn: () => void) => void;
  /** Closing waits for them, as for commits. */
  readonly #commits: Commits;
  #asked: Call[] = [];

  constructor(
    router: Router,
    resolver: LockResolver,
    defer: (fn: () => void) => void,
    commits: Commits,
  ) {
    this.#router = router;
    this.#resolver = resolver;
    this.#defer = defer;
    this.#commits = commits;
  }

  /** As {@link Transactions.writeOneKey}. */
  write(write: OneKeyWrite, timeoutMs: number): Promise<OneKeyResult> {
    this.#check(write);
    const deadline = this.#router.now() + timeoutMs;
    return new Promise((resolve, reject) => {
      const writer = {
        onWritten: (_: OneKeyWrite, result: OneKeyResult): void => resolve(result),
        onWriteFailed: (_: OneKeyWrite, error: unknown): void => reject(error),
      };
      this.#ask(new Call(write, deadline, writer, this.#commits));
    });
  }

  /** As {@link Transactions.writeOneKeys}. */
  writeAll<W extends OneKeyWrite>(
    writes: readonly W[],
    timeoutMs: number,
    writer: OneKeyWriter<W>,
  ): void {
    for (const write of writes) this.#check(write);
    const deadline = this.#router.now() + timeoutMs;
    this.#sendTogether(writes.map((write) => new Call(write, deadline, writer, this.#commits)));
  }

  #check(write: OneKeyWrite): void {
    for (const { key, value } of [write, ...(write.companions ?? [])]) {
      checkKey(key);
      if (value !== undefined) checkBytes(value, 'value');
    }
    this.#router.life.calls.check();
  }

  #ask(call: Call): void {
    if (this.#asked.length === 0) this.#defer(() => this.#send());
    this.#asked.push(call);
  }

  /** Calls that share a backoff stay together: a deadline or pause of earlier attempts must not hold up a fresh one. */
  #send(): void {
    const asked = this.#asked;
    this.#asked = [];
    const together = new Map<Backoff | undefined, Call[]>();
    for (const call of asked) listOf(together, call.backoff).push(call);
    for (const calls of together.values()) this.#sendTogether(calls);
  }

  #sendTogether(calls: readonly Call[]): void {
    const known = new Map<CachedRegion, Call[]>();
    const unknown: Call[] = [];
    for (const call of calls) {
      const region = this.#router.cache.find(locationKey(this.#router.api, call.write.key));
      if (region === undefined) unknown.push(call);
      else listOf(known, region).push(call);
    }
    for (const [region, some] of known) this.#sendParts(region, some);
    if (unknown.length > 0) this.#locate(unknown);
  }

  #sendParts(region: CachedRegion, calls: readonly Call[]): void {
    const together: Call[] = [];
    for (const call of calls) {
      if (this.#areIn(region, call.write.companions)) together.push(call);
      else this.#endApart(call);
    }
    for (const part of splitCalls(together)) void this.#sendToRegion(region, part, false);
  }

  #areIn({ range }: CachedRegion, companions: readonly KeyChange[] = []): boolean {
    return companions.every(({ key }) => rangeContains(range, locationKey(this.#router.api, key)));
  }

  /** An earlier attempt may have been done, when the Region was not yet split. */
  #endApart(call: Call): void {
    if (!call.maybeApplied) call.resolve({ type: 'apart' });
    else {
      this.#seal(call, this.#operationOf([call])).then(
        (isDone) => {
          if (!isDone) call.resolve({ type: 'apart' });
        },
        (error: unknown) => call.reject(error),
      );
    }
  }

  #locate(calls: readonly Call[]): void {
    const operation = this.#operationOf(calls);
    this.#router
      .group(calls, ({ write }) => write.key, operation)
      .then(
        (groups) => {
          for (const { region, items } of groups) this.#sendParts(region, items);
        },
        (error: unknown) => {
          for (const call of calls) fail(call, error);
        },
      );
  }

  /** The calls share a backoff. A write that is sent again is the same write, so nothing is done twice; but its outcome matters. */
  #operationOf(calls: readonly Call[]): Operation {
    const former = calls[0]!.backoff;
    const deadline = calls.reduce((latest, call) => Math.max(latest, call.deadline), 0);
    const operation =
      former === undefined
        ? this.#router.begin('decisive', Math.max(0, deadline - this.#router.now()))
        : new Operation('decisive', former.fork());
    operation.maybeApplied = calls.some(({ maybeApplied }) => maybeApplied);
    return operation;
  }

  /** Never rejects: what goes wrong is the outcome of the calls. */
  async #sendToRegion(
    region: CachedRegion,
    calls: readonly Call[],
    waitForLatches: boolean,
  ): Promise<void> {
    const operation = this.#operationOf(calls);
    try {
      const response = await this.#router.sendToRegion(
        region,
        Txn.kvOneKeyWrite,
        (context) => ({ context, writes: calls.map(({ write }) => toWire(write)), waitForLatches }),
        operation,
      );
      for (const call of calls) {
        call.maybeApplied = operation.maybeApplied;
        call.backoff = operation.backoff;
      }
      if (response === undefined) for (const call of calls) this.#ask(call);
      else this.#take(region, calls, response.outcomes, operation);
    } catch (error) {
      this.#afterFailure(region, calls, operation, error);
    }
  }

  #afterFailure(
    region: CachedRegion,
    calls: readonly Call[],
    operation: Operation,
    error: unknown,
  ): void {
    if (isTooMuch(error) && calls.length > 1) {
      // Together they ask for more than one answer holds.
      const middle = Math.ceil(calls.length / 2);
      void this.#sendToRegion(region, calls.slice(0, middle), false);
      void this.#sendToRegion(region, calls.slice(middle), false);
      return;
    }
    const isUnknownCall = error instanceof RequestError && error.code === 'UNIMPLEMENTED';
    for (const call of calls) {
      // A store of an older version serves transactions.
      if (isUnknownCall && !operation.maybeApplied) call.resolve({ type: 'unready' });
      else fail(call, error);
    }
  }

  #take(
    region: CachedRegion,
    calls: readonly Call[],
    outcomes: readonly tinykvtxn.OneKeyOutcome[],
    operation: Operation,
  ): void {
    const latched: Call[] = [];
    const locked: { readonly call: Call; readonly lock: LockInfo }[] = [];
    if (outcomes.length !== calls.length) throw new KvError('INTERNAL', 'a write has no outcome');
    for (const [i, call] of calls.entries()) {
      const outcome = outcomes[i]!;
      const lock = lockOf(outcome);
      if (outcome.result === Result.OneKeyLatched) latched.push(call);
      else if (lock !== undefined) locked.push({ call, lock });
      else this.#conclude(call, outcome, operation);
    }
    if (latched.length > 0) void this.#sendToRegion(region, latched, true);
    if (locked.length === 0) return;
    this.#afterLocks(locked, operation.fork()).catch((error: unknown) => {
      for (const { call } of locked) fail(call, error);
    });
  }

  /** A write that was not done must not be done by a copy of the request that is still on its way. */
  #conclude(call: Call, outcome: tinykvtxn.OneKeyOutcome, operation: Operation): void {
    const { result, commitTs } = outcome;
    if (result === Result.OneKeyWritten && commitTs !== TS_ZERO) {
      call.resolve({ type: 'written', commitTs });
    } else if (call.maybeApplied) {
      // A write without a version leaves no trace either by which a copy would know that it is one.
      this.#seal(call, operation).then(
        (isDone) => {
          if (!isDone) settle(call, outcome);
        },
        (error: unknown) => call.reject(error),
      );
    } else settle(call, outcome);
  }

  /** The question at the key leaves a rollback there. True: the write was done after all, and its caller told. */
  async #seal(call: Call, operation: Operation): Promise<boolean> {
    const name = { startTs: call.write.ts, primary: call.write.key };
    const status = await statusAtPrimary(this.#resolver, name, operation.fork());
    if (status.type === 'rolled-back') return false;
    if (status.type === 'alive') throw undetermined(new KvError('UNKNOWN', 'the key is locked'));
    call.resolve({ type: 'written', commitTs: status.commitTs });
    return true;
  }

  /** Resolves the locks, or waits for them, and asks again. */
  async #afterLocks(
    locked: readonly { readonly call: Call; readonly lock: LockInfo }[],
    operation: Operation,
  ): Promise<void> {
    const locks = locked.map(({ lock }) => lock);
    const waitMs = await this.#resolver.resolve(locks, operation);
    const { backoff } = operation;
    const goesOn =
      waitMs === 0 ? backoff.remainingMs() > 0 : await backoff.pause('key-locked', waitMs);
    for (const { call, lock } of locked) {
      call.backoff = backoff;
      if (goesOn) this.#ask(call);
      else this.#giveUp(call, new KeyLockedError(lock), operation);
    }
  }

  #giveUp(call: Call, error: unknown, operation: Operation): void {
    if (!call.maybeApplied) call.reject(error);
    else {
      this.#seal(call, operation).then(
        (isDone) => {
          if (!isDone) call.reject(error);
        },
        (failure: unknown) => call.reject(failure),
      );
    }
  }
}

function listOf<K>(groups: Map<K, Call[]>, key: K): Call[] {
  let list = groups.get(key);
  if (list === undefined) {
    list = [];
    groups.set(key, list);
  }
  return list;
}
