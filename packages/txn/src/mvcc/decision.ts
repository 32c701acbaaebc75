import { describeBytes, keyString } from '@tinykv/base';
import type { KeyError, LockInfo, LockRecord, Modify } from '@tinykv/model';
import { boundedTtl } from './lock-life.js';

/** What a command does and what it answers. A command that answers an error has no modifies. */
export interface Decision<A> {
  readonly modifies: readonly Modify[];
  readonly answer: A;
}

/** What is to be done to one key: nothing, for a command that was done before. */
export type KeyDecision =
  | { readonly ok: true; readonly value: Modify | undefined }
  | { readonly ok: false; readonly error: KeyError };

export const NOTHING: KeyDecision = { ok: true, value: undefined };

/** All or nothing: the first key that fails decides. */
export function decideAll<F>(
  facts: readonly F[],
  decide: (facts: F) => KeyDecision,
): Decision<KeyError | undefined> {
  const modifies: Modify[] = [];
  for (const fact of facts) {
    const decision = decide(fact);
    if (!decision.ok) return { modifies: [], answer: decision.error };
    if (decision.value !== undefined) modifies.push(decision.value);
  }
  return { modifies, answer: undefined };
}

export function lockedError(key: Uint8Array, lock: LockRecord): KeyError {
  return { type: 'locked', lock: lockInfo(key, lock) };
}

export function lockInfo(key: Uint8Array, lock: LockRecord): LockInfo {
  const { primary, startTs, kind, forUpdateTs, minCommitTs, secondaries } = lock;
  const ttlMs = boundedTtl(lock.ttlMs);
  const isAsyncCommit = secondaries !== undefined;
  const info = { primary, startTs, key, ttlMs, kind, forUpdateTs, minCommitTs, isAsyncCommit };
  return { ...info, secondaries: secondaries ?? [] };
}

export function abortError(message: string, key: Uint8Array): KeyError {
  return { type: 'abort', message: `${message}: key ${describeBytes(key)}` };
}

/** Each key once, in the order in which they came first. */
export function distinctKeys(keys: readonly Uint8Array[]): readonly Uint8Array[] {
  if (keys.length < 2) return keys;
  return [...new Map(keys.map((key) => [keyString(key), key])).values()];
}
