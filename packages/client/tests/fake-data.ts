import {
  compareBytes,
  equalBytes,
  fromKeyString,
  keyString,
  physicalMs,
  type Timestamp,
  TS_MAX,
} from '@tinykv/base';
import { kvrpcpb, type tinykvext, tinykvtxn } from '@tinykv/proto';

interface Lock {
  readonly startTs: Timestamp;
  readonly primary: Uint8Array;
  readonly ttlMs: number;
  readonly op: number;
  readonly value: Uint8Array;
  /** Of async commit. */
  readonly minCommitTs?: Timestamp;
  readonly secondaries?: readonly Uint8Array[];
}

interface Write {
  readonly commitTs: Timestamp;
  readonly startTs: Timestamp;
  readonly op: number;
  readonly value: Uint8Array;
}

interface Versions {
  lock: Lock | undefined;
  /** Newest first. */
  writes: Write[];
  readonly rollbacks: Set<Timestamp>;
}

type KeyErrorInit = kvrpcpb.KeyErrorInit;

const PASSED_BY_READS: ReadonlySet<number> = new Set([kvrpcpb.Op.Lock, kvrpcpb.Op.PessimisticLock]);

/** Percolator over maps, as strict as a store is to this client. */
export class FakeData {
  readonly raw: Map<string, Uint8Array> = new Map();
  readonly rawTtls: Map<string, number> = new Map();
  readonly keys: Map<string, Versions> = new Map();

  at(key: Uint8Array): Versions {
    const name = keyString(key);
    let found = this.keys.get(name);
    if (found === undefined) {
      found = { lock: undefined, writes: [], rollbacks: new Set() };
      this.keys.set(name, found);
    }
    return found;
  }

  locked(key: Uint8Array, lock: Lock): KeyErrorInit {
    return { locked: this.lockInfo(key, lock) };
  }

  lockInfo(key: Uint8Array, lock: Lock): kvrpcpb.LockInfoInit {
    const { primary: primaryLock, startTs: lockVersion, ttlMs: lockTtl } = lock;
    const { minCommitTs = 0n, secondaries = [] } = lock;
    const useAsyncCommit = lock.secondaries !== undefined;
    const lockType = lock.op;
    return {
      lockType,
      primaryLock,
      lockVersion,
      key,
      lockTtl,
      minCommitTs,
      useAsyncCommit,
      secondaries,
    };
  }

  history(key: Uint8Array): tinykvtxn.MvccGetByKeyResponseInit {
    const { lock, writes } = this.at(key);
    const history = writes.map(({ op, ...write }) => ({ ...write, type: op }));
    const held = lock === undefined ? {} : { lock: this.locked(key, lock).locked! };
    return { info: { ...held, writes: history } };
  }

  read(
    key: Uint8Array,
    ts: Timestamp,
    passed: readonly tinykvext.TxnName[] = [],
  ): { error?: KeyErrorInit; value?: Uint8Array; commitTs?: Timestamp } {
    const { lock, writes } = this.at(key);
    const isPassed =
      lock === undefined ||
      (lock.minCommitTs ?? 0n) > ts ||
      passed.some((txn) => txn.startTs === lock.startTs);
    if (!isPassed && lock.startTs <= ts && !PASSED_BY_READS.has(lock.op)) {
      const isUndecided = ts === TS_MAX && equalBytes(lock.primary, key);
      if (!isUndecided) return { error: this.locked(key, lock) };
    }
    const write = writes.find((w) => w.commitTs <= ts && w.op !== kvrpcpb.Op.Lock);
    if (write === undefined) return {};
    const { value, commitTs } = write;
    return write.op === kvrpcpb.Op.Put ? { value, commitTs } : { commitTs };
  }

  prewrite(request: kvrpcpb.PrewriteRequest): KeyErrorInit[] {
    const errors: KeyErrorInit[] = [];
    const startTs = request.startVersion;
    for (const { key, isPessimisticLock } of request.mutations) {
      const { lock, writes, rollbacks } = this.at(key);
      if (lock?.startTs === startTs) continue;
      if (isPessimisticLock) errors.push({ abort: 'pessimistic lock is lost' });
      const newest = writes[0]?.commitTs ?? 0n;
      if (newest >= startTs || rollbacks.has(startTs)) {
        const conflictTs = newest >= startTs ? newest : startTs;
        errors.push({ conflict: { startTs, conflictTs, key, primary: request.primaryLock } });
      } else if (lock !== undefined) errors.push(this.locked(key, lock));
    }
    if (errors.length > 0) return errors;
    for (const { key, op, value } of request.mutations) {
      const { primaryLock: primary, lockTtl: ttlMs, minCommitTs } = request;
      const versions = this.at(key);
      if (versions.lock?.op === kvrpcpb.Op.PessimisticLock) versions.lock = undefined;
      versions.lock ??= { startTs, primary, ttlMs, op, value, minCommitTs };
    }
    return [];
  }

  /** As a store that hands locks on; nobody waits in it. */
  lockPessimistically(
    request: tinykvtxn.PessimisticLockRequest,
  ): tinykvtxn.PessimisticLockResponseInit {
    const { keys, startVersion: startTs, primaryLock: primary, lockTtl: ttlMs } = request;
    const others = keys.flatMap((key) => {
      const { lock } = this.at(key);
      return lock === undefined || lock.startTs === startTs ? [] : [this.locked(key, lock)];
    });
    if (others.length > 0) return { errors: others.slice(0, 1) };
    const op = kvrpcpb.Op.PessimisticLock;
    return {
      values: keys.map((key) => {
        const versions = this.at(key);
        versions.lock = { startTs, primary, ttlMs, op, value: new Uint8Array(0) };
        const newest = versions.writes[0]?.commitTs ?? 0n;
        const lockedWithConflictTs = newest > request.forUpdateTs ? newest : 0n;
        const { value } = this.read(key, TS_MAX);
        return { found: value !== undefined, ...(value && { value }), lockedWithConflictTs };
      }),
    };
  }

  unlockPessimistic(keys: readonly Uint8Array[], startTs: Timestamp): void {
    for (const key of keys) {
      const versions = this.at(key);
      const { lock } = versions;
      const isOwn = lock?.startTs === startTs && lock.op === kvrpcpb.Op.PessimisticLock;
      if (isOwn) versions.lock = undefined;
    }
  }

  /** As a store that knows every read that was served: the next timestamp will do. */
  writeOneKey(
    write: tinykvtxn.OneKeyWrite,
    { unready, deletesNothing }: { readonly unready: boolean; readonly deletesNothing: boolean },
  ): tinykvtxn.OneKeyOutcomeInit {
    const { OneKeyResult, WriteCondition } = tinykvtxn;
    const { key, ts, value, companions } = write;
    const { lock, writes, rollbacks } = this.at(key);
    const own = writes.find(({ startTs }) => startTs === ts);
    if (own !== undefined) return { result: OneKeyResult.OneKeyWritten, commitTs: own.commitTs };
    if (rollbacks.has(ts)) {
      return { result: OneKeyResult.OneKeyFailed, error: { abort: `${ts} is rolled back` } };
    }
    if (lock !== undefined) {
      return { result: OneKeyResult.OneKeyFailed, error: this.locked(key, lock) };
    }
    const newest = writes[0];
    const found = newest?.op === kvrpcpb.Op.Put;
    const version = newest?.commitTs ?? 0n;
    const holds: Readonly<Record<number, boolean>> = {
      [WriteCondition.WriteAlways]: true,
      [WriteCondition.WriteIfAbsent]: !found,
      [WriteCondition.WriteIfVersion]: version === write.version,
      [WriteCondition.WriteIfHead]: found
        ? write.heads.some((head) => equalBytes(newest.value.subarray(0, head.length), head))
        : write.orAbsent,
    };
    if (!holds[write.condition]) {
      const there = found ? { found, value: newest.value } : {};
      return { result: OneKeyResult.OneKeyRefused, version, ...there };
    }
    if (unready) return { result: OneKeyResult.OneKeyUnready };
    if (write.delete && !found && deletesNothing) return { result: OneKeyResult.OneKeyWritten };
    const commitTs = (newest?.commitTs ?? 0n) > ts ? newest!.commitTs + 1n : ts + 1n;
    const op = write.delete ? kvrpcpb.Op.Del : kvrpcpb.Op.Put;
    writes.unshift({ commitTs, startTs: ts, op, value: new Uint8Array(value) });
    for (const one of companions) {
      const change = { op: one.delete ? kvrpcpb.Op.Del : kvrpcpb.Op.Put, value: one.value };
      this.at(one.key).writes.unshift({ commitTs, startTs: ts, ...change });
    }
    return { result: OneKeyResult.OneKeyWritten, commitTs };
  }

  prewriteOnePhase(request: kvrpcpb.PrewriteRequest): kvrpcpb.PrewriteResponseInit {
    const { startVersion: startTs, mutations } = request;
    const isHeld = mutations.some(({ key }) => this.at(key).lock?.startTs === startTs);
    const errors = this.prewrite(request);
    if (errors.length > 0 || isHeld) return { errors };
    const onePcCommitTs = startTs + 1n;
    this.commit(
      mutations.map(({ key }) => key),
      startTs,
      onePcCommitTs,
    );
    return { onePcCommitTs };
  }

  /** The lowest commit timestamp is a little above the start, and differs between the halves of the keys. */
  prewriteAsync(request: kvrpcpb.PrewriteRequest): kvrpcpb.PrewriteResponseInit {
    const { startVersion: startTs, mutations, primaryLock } = request;
    const errors = this.prewrite(request);
    if (errors.length > 0) return { errors };
    let highest = 0n;
    for (const { key } of mutations) {
      const versions = this.at(key);
      const minCommitTs = startTs + (key[0]! < 0x6d ? 1n : 2n);
      const secondaries = equalBytes(key, primaryLock) ? [...request.secondaries] : [];
      versions.lock = { ...versions.lock!, minCommitTs, secondaries };
      if (minCommitTs > highest) highest = minCommitTs;
    }
    return { minCommitTs: highest };
  }

  checkSecondaries(
    keys: readonly Uint8Array[],
    startTs: Timestamp,
  ): tinykvtxn.CheckSecondaryLocksResponseInit {
    const locks: kvrpcpb.LockInfoInit[] = [];
    for (const key of keys) {
      const { lock, writes } = this.at(key);
      const write = writes.find((w) => w.startTs === startTs);
      if (write !== undefined) return { commitTs: write.commitTs };
      if (lock?.startTs !== startTs) {
        this.rollback([key], startTs);
        return {};
      }
      locks.push(this.lockInfo(key, lock));
    }
    return { locks };
  }

  commit(
    keys: readonly Uint8Array[],
    startTs: Timestamp,
    commitTs: Timestamp,
  ): KeyErrorInit | undefined {
    for (const key of keys) {
      const { lock, writes } = this.at(key);
      if (lock?.startTs === startTs && commitTs < (lock.minCommitTs ?? 0n)) {
        const { minCommitTs = 0n } = lock;
        return { commitTsExpired: { startTs, attemptedCommitTs: commitTs, key, minCommitTs } };
      }
      if (lock?.startTs === startTs || writes.some((w) => w.startTs === startTs)) continue;
      return { retryable: 'lock not found' };
    }
    for (const key of keys) {
      const versions = this.at(key);
      const { lock } = versions;
      if (lock?.startTs !== startTs) continue;
      versions.writes.unshift({ commitTs, startTs, op: lock.op, value: lock.value });
      versions.writes.sort((a, b) => (a.commitTs > b.commitTs ? -1 : 1));
      versions.lock = undefined;
    }
    return undefined;
  }

  rollback(keys: readonly Uint8Array[], startTs: Timestamp): KeyErrorInit | undefined {
    for (const key of keys) {
      const versions = this.at(key);
      if (versions.writes.some((w) => w.startTs === startTs)) return { abort: 'committed' };
      if (versions.lock?.startTs === startTs) versions.lock = undefined;
      versions.rollbacks.add(startTs);
    }
    return undefined;
  }

  heartBeat(request: tinykvtxn.TxnHeartBeatRequest): tinykvtxn.TxnHeartBeatResponseInit {
    const versions = this.at(request.primaryLock);
    const { lock } = versions;
    if (lock?.startTs !== request.startVersion) return { error: { abort: 'no lock' } };
    const ttlMs = Math.max(lock.ttlMs, request.adviseLockTtl);
    versions.lock = { ...lock, ttlMs };
    return { lockTtl: ttlMs };
  }

  checkTxnStatus(request: kvrpcpb.CheckTxnStatusRequest): kvrpcpb.CheckTxnStatusResponseInit {
    const { primaryKey, lockTs, currentTs } = request;
    const { lock, writes, rollbacks } = this.at(primaryKey);
    if (lock?.startTs === lockTs) {
      const isByLocks = lock.secondaries !== undefined && !request.forceSyncCommit;
      if (isByLocks || physicalMs(lockTs) + lock.ttlMs > physicalMs(currentTs)) {
        const { callerStartTs } = request;
        const minCommitTs = callerStartTs + 1n;
        const { minCommitTs: promised = 0n } = lock;
        const isPushable = !isByLocks && callerStartTs > 0n && promised > 0n;
        const isPushed = isPushable && minCommitTs > promised;
        const now = isPushed ? { ...lock, minCommitTs } : lock;
        this.at(primaryKey).lock = now;
        return { lockTtl: lock.ttlMs, lockInfo: this.lockInfo(primaryKey, now) };
      }
      this.rollback([primaryKey], lockTs);
      return { action: kvrpcpb.Action.TTLExpireRollback };
    }
    const write = writes.find((w) => w.startTs === lockTs);
    if (write !== undefined) return { commitVersion: write.commitTs };
    if (rollbacks.has(lockTs)) return {};
    if (request.leaveMissingPrimary) return { action: kvrpcpb.Action.LockNotExistDoNothing };
    rollbacks.add(lockTs);
    return { action: kvrpcpb.Action.LockNotExistRollback };
  }

  /** Sorted keys for which `within` holds. */
  sortedKeys(within: (key: Uint8Array) => boolean): Uint8Array[] {
    return [...this.keys.keys()].map(fromKeyString).filter(within).sort(compareBytes);
  }
}

/** The answer to a KvScan that ends after `most` pairs, as at its bytes. */
export function answerOf<P extends object>(
  pairs: readonly P[],
  { limit, keyOnly }: { readonly limit: number; readonly keyOnly: boolean },
  most: number,
): { readonly pairs: readonly P[]; readonly hasMore: boolean } {
  const answered = pairs.slice(0, Math.min(limit, most));
  const seen = keyOnly ? answered.map((pair) => ({ ...pair, value: new Uint8Array(0) })) : answered;
  return { pairs: seen, hasMore: answered.length < Math.min(limit, pairs.length) };
}
