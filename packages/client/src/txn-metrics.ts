import type { Counter, Env, Histogram } from '@tinykv/base';
import { RetryableTxnError, UndeterminedError } from './errors.js';

/** What became of a commit; `conflict`: it may be tried again. */
type Outcome = 'committed' | 'conflict' | 'undetermined' | 'failed';

/** What a client counts of its transactions. */
export class TxnMetrics {
  readonly reruns: Counter;
  readonly #clock: Env['clock'];
  readonly #seconds: Readonly<Record<Outcome, Histogram>>;

  constructor({ clock, metrics }: Env) {
    this.#clock = clock;
    const seconds = (result: Outcome): Histogram =>
      metrics.histogram(
        'tinykv_client_commit_seconds',
        'Time from the call of a commit to its answer',
        { result },
      );
    this.#seconds = {
      committed: seconds('committed'),
      conflict: seconds('conflict'),
      undetermined: seconds('undetermined'),
      failed: seconds('failed'),
    };
    this.reruns = metrics.counter(
      'tinykv_client_txn_reruns_total',
      'Transactions that were run again because they had lost against others',
    );
  }

  async commit<T>(work: Promise<T>): Promise<T> {
    const startedAt = this.#clock.mono();
    let outcome: Outcome = 'committed';
    try {
      return await work;
    } catch (error) {
      outcome = outcomeOf(error);
      throw error;
    } finally {
      this.#seconds[outcome].observe((this.#clock.mono() - startedAt) / 1000);
    }
  }
}

function outcomeOf(error: unknown): Outcome {
  if (error instanceof UndeterminedError) return 'undetermined';
  return error instanceof RetryableTxnError ? 'conflict' : 'failed';
}
