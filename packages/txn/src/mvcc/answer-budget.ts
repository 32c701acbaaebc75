import { KvError, limits } from '@tinykv/base';
import type { KeyError, LockInfo } from '@tinykv/model';

/** Tags, lengths and timestamps around the key and the value of one pair or lock, at most. */
const FRAMING_BYTES = 48;

/** Fewer pairs than asked for would be taken for the end of the Region, so there are none. */
export class AnswerTooLargeError extends KvError {
  constructor(bytes: number) {
    const most = `the most is ${limits.scanBytesMax}`;
    super('RESOURCE_EXHAUSTED', `answer of ${bytes} bytes: ${most}, ask for fewer pairs`);
  }
}

/** Counts the bytes of one answer, which must stay below what a message can carry. */
export class AnswerBudget {
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Throws AnswerTooLargeError, except for the first: one pair or lock always fits. */
  spend(keyBytes: number, contentBytes: number): void {
    const isFirst = this.#bytes === 0;
    this.#bytes += FRAMING_BYTES + keyBytes + contentBytes;
    if (this.#bytes > limits.scanBytesMax && !isFirst) throw new AnswerTooLargeError(this.#bytes);
  }

  /** A key that has an error in the place of its value. */
  spendError(key: Uint8Array, error: KeyError): void {
    this.spend(key.length, error.type === 'locked' ? lockBytes(error.lock) : 0);
  }

  spendLock(lock: LockInfo): void {
    this.spend(lock.key.length, lockBytes(lock));
  }
}

/** The key is told once more, beside the lock. */
function lockBytes({ key, primary, secondaries }: LockInfo): number {
  let bytes = FRAMING_BYTES + key.length + primary.length;
  for (const secondary of secondaries) bytes += FRAMING_BYTES + secondary.length;
  return bytes;
}
