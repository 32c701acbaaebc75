import { equalBytes, exactUtf8, KvError, type Timestamp } from '@tinykv/base';
import { checkBytes, checkKey } from './check-arguments.js';
import { invalid } from './check-count.js';
import { KeyExistsError } from './errors.js';
import type { Transactions } from './transactions.js';
import type { RunOptions } from './txn-client.js';

const INTEGER = /^-?\d{1,16}$/;

/** Each call is a transaction of its own, with the options and failures of one. */
export class OneKey {
  readonly #txn: Transactions;

  constructor(txn: Transactions) {
    this.#txn = txn;
  }

  /** The commit timestamp. */
  put(key: Uint8Array, value: Uint8Array, options?: RunOptions): Promise<Timestamp> {
    return this.#commit(async (t) => t.put(key, value), options);
  }

  /** The commit timestamp. Deleting a key that does not exist is no error. */
  delete(key: Uint8Array, options?: RunOptions): Promise<Timestamp> {
    return this.#commit(async (t) => t.delete(key), options);
  }

  /** The commit timestamp. Throws {@link KeyExistsError}. */
  insert(key: Uint8Array, value: Uint8Array, options?: RunOptions): Promise<Timestamp> {
    return this.#commit((t) => t.insert(key, value), options);
  }

  /**
   * Writes `value` (undefined: deletes the key) if the present value is `expected` (undefined: the key does not exist). False: it
   * is another, and nothing was written.
   */
  async compareAndSet(
    key: Uint8Array,
    expected: Uint8Array | undefined,
    value: Uint8Array | undefined,
    options?: RunOptions,
  ): Promise<boolean> {
    checkKey(key);
    if (expected !== undefined) checkBytes(expected, 'value');
    return this.#txn(async (t) => {
      const present = await t.get(key);
      const isExpected =
        present === undefined || expected === undefined
          ? present === expected
          : equalBytes(present, expected);
      if (!isExpected) return false;
      if (value === undefined) t.delete(key);
      else t.put(key, value);
      return true;
    }, options);
  }

  /**
   * Adds to a whole number that is stored as decimal text, 0 where the key does not exist: the sum. Throws KvError
   * FAILED_PRECONDITION for a value that is no such number, and for a sum that no number holds exactly (2^53).
   */
  async incr(key: Uint8Array, by: number, options?: RunOptions): Promise<number> {
    if (!Number.isSafeInteger(by)) throw invalid(`${by} is no whole number below 2^53`);
    return this.#txn(async (t) => {
      const sum = numberOf(await t.get(key)) + by;
      if (!Number.isSafeInteger(sum)) {
        throw new KvError('FAILED_PRECONDITION', `the sum ${sum} is not below 2^53`);
      }
      t.put(key, exactUtf8(String(sum)));
      return sum;
    }, options);
  }

  async #commit(
    write: Parameters<Transactions['runWithCommitTs']>[0],
    options: RunOptions | undefined,
  ): Promise<Timestamp> {
    const { commitTs } = await this.#txn.runWithCommitTs(write, options);
    return commitTs!;
  }
}

function numberOf(value: Uint8Array | undefined): number {
  if (value === undefined) return 0;
  const text = String.fromCharCode(...value.subarray(0, 20));
  const number = Number(text);
  if (INTEGER.test(text) && Number.isSafeInteger(number)) return number;
  throw new KvError('FAILED_PRECONDITION', 'the value is no whole number below 2^53');
}
