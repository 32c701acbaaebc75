import { copyBytes, KvError, limits, type Timestamp } from '@tinykv/base';
import type { LockInfo, WriteCondition } from '@tinykv/model';
import { type Init, keyErrorFromWire, tinykvtxn } from '@tinykv/proto';
import type { Backoff } from './backoff.js';
import { UndeterminedError } from './errors.js';
import { keyErrorToThrow } from './key-errors.js';
import { undetermined } from './operation.js';

const { OneKeyResult: Result, WriteCondition: Wire } = tinykvtxn;

/** A write that the store of the key decides. */
export interface OneKeyWrite {
  readonly key: Uint8Array;
  /** From {@link Transactions.timestamp}, fetched for this write alone, or for writes of other keys as well. */
  readonly ts: Timestamp;
  readonly condition: WriteCondition;
  /** Undefined: the key is deleted. */
  readonly value: Uint8Array | undefined;
}

export type OneKeyResult =
  /** `commitTs` undefined: it has no version, as there was nothing to delete. */
  | { readonly type: 'written'; readonly commitTs: Timestamp | undefined }
  /** The condition does not hold: what is there instead. Nothing was written, nor will be. */
  | {
      readonly type: 'refused';
      readonly value: Uint8Array | undefined;
      readonly version: Timestamp;
    }
  /** The store cannot choose a timestamp now. Nothing was written, nor will be: a transaction can. */
  | { readonly type: 'unready' };

/** Hears of each write once, in no particular order. */
export interface OneKeyWriter<W extends OneKeyWrite> {
  onWritten(write: W, result: OneKeyResult): void;
  onWriteFailed(write: W, error: unknown): void;
}

/** Counts the writes that have no result. */
export interface Commits {
  commitBegins(): void;
  commitEnds(): void;
}

/** A write on its way to its one result. */
export class Call<W extends OneKeyWrite = OneKeyWrite> {
  readonly write: W;
  /** Monotonic milliseconds. */
  readonly deadline: number;
  /** An attempt was sent whose outcome is not known. */
  maybeApplied = false;
  /** The pauses of its attempts so far, which grow from one to the next. */
  backoff: Backoff | undefined;
  readonly #writer: OneKeyWriter<W>;
  readonly #commits: Commits;

  constructor(write: W, deadline: number, writer: OneKeyWriter<W>, commits: Commits) {
    this.write = write;
    this.deadline = deadline;
    this.#writer = writer;
    this.#commits = commits;
    commits.commitBegins();
  }

  resolve(result: OneKeyResult): void {
    this.#commits.commitEnds();
    this.#writer.onWritten(this.write, result);
  }

  reject(error: unknown): void {
    this.#commits.commitEnds();
    this.#writer.onWriteFailed(this.write, error);
  }
}

export function lockOf({ error }: tinykvtxn.OneKeyOutcome): LockInfo | undefined {
  if (error === undefined) return undefined;
  const keyError = keyErrorFromWire(error);
  return keyError.type === 'locked' ? keyError.lock : undefined;
}

/** Whether it is known that nothing was written depends on the attempts before. */
export function fail(call: Call, error: unknown): void {
  const isUnknown = call.maybeApplied && !(error instanceof UndeterminedError);
  call.reject(isUnknown ? undetermined(error) : error);
}

export function splitCalls(calls: readonly Call[]): Call[][] {
  const parts: Call[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const call of calls) {
    const more = bytesOf(call.write);
    const part = parts.at(-1);
    const isFull =
      part === undefined ||
      part.length >= limits.clientOneKeyWritesMax ||
      bytes + more > limits.clientOneKeyBytesMax;
    if (isFull) parts.push([call]);
    else part.push(call);
    bytes = isFull ? more : bytes + more;
  }
  return parts;
}

function bytesOf({ key, value, condition }: OneKeyWrite): number {
  const heads = condition.type === 'head' ? condition.heads : [];
  return heads.reduce((sum, head) => sum + head.length, key.length + (value?.length ?? 0));
}

/** Ends a call that was certainly not written, or that has no version. */
export function settle(call: Call, outcome: tinykvtxn.OneKeyOutcome): void {
  switch (outcome.result) {
    case Result.OneKeyWritten:
      call.resolve({ type: 'written', commitTs: undefined });
      return;
    case Result.OneKeyRefused: {
      const { found, value, version } = outcome;
      call.resolve({ type: 'refused', value: found ? copyBytes(value) : undefined, version });
      return;
    }
    case Result.OneKeyUnready:
      call.resolve({ type: 'unready' });
      return;
    default: {
      const { error } = outcome;
      if (error === undefined)
        call.reject(new KvError('INTERNAL', `a write has result ${outcome.result}`));
      else call.reject(keyErrorToThrow(keyErrorFromWire(error), call.write.ts));
    }
  }
}

export function toWire({ write }: Call): Init<tinykvtxn.OneKeyWrite> {
  const { key, ts, condition, value } = write;
  const change = value === undefined ? { delete: true } : { value };
  switch (condition.type) {
    case 'always':
      return { key, ts, ...change };
    case 'absent':
      return { key, ts, ...change, condition: Wire.WriteIfAbsent };
    case 'version': {
      const { version } = condition;
      return { key, ts, ...change, condition: Wire.WriteIfVersion, version };
    }
    case 'head': {
      const { heads, orAbsent } = condition;
      return { key, ts, ...change, condition: Wire.WriteIfHead, heads, orAbsent };
    }
  }
}
