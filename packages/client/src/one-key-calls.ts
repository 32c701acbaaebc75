import { copyBytes, KvError, limits } from '@tinykv/base';
import type { LockInfo } from '@tinykv/model';
import { keyErrorFromWire, tinykvtxn } from '@tinykv/proto';
import type { Backoff } from './backoff.js';
import { UndeterminedError } from './errors.js';
import { keyErrorToThrow } from './key-errors.js';
import { bytesOf, type OneKeyResult, type OneKeyWrite } from './one-key-wire.js';
import { undetermined } from './operation.js';

const { OneKeyResult: Result } = tinykvtxn;

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
