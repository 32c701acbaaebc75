import { KvError } from '@tinykv/base';
import { RetryableTxnError } from './errors.js';

/** `failed`: the commit threw; whether it took effect is what the error says. */
export type TxnState = 'open' | 'committing' | 'committed' | 'rolled-back' | 'failed';

/** How far a transaction is, and which failures are its own. */
export class TxnProgress {
  state: TxnState = 'open';
  readonly #own = new WeakSet<RetryableTxnError>();

  /** Throws KvError FAILED_PRECONDITION. */
  checkOpen(): void {
    if (this.state === 'open') return;
    throw new KvError('FAILED_PRECONDITION', `the transaction is ${this.state}`);
  }

  /** A call of the transaction has failed. Returns what it has failed with. */
  failed(error: unknown): unknown {
    if (error instanceof RetryableTxnError) this.#own.add(error);
    return error;
  }

  /** Whether a call of this transaction has failed with it, and not one of another. */
  isOwn(error: RetryableTxnError): boolean {
    return this.#own.has(error);
  }
}
