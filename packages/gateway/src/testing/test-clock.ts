import { ManualClock } from '@tinykv/base/testing';

/**
 * A clock moved by hand that settles completely, however long the chains of promises are: a real turn
 * of the event loop runs them all, and nothing here waits for anything real.
 */
export class TestClock extends ManualClock {
  #deferrals = 0;

  override defer(fn: () => void): void {
    this.#deferrals++;
    super.defer(fn);
  }

  override async settle(): Promise<void> {
    let before: number;
    do {
      before = this.#deferrals;
      this.runDeferred();
      await new Promise((resolve) => setImmediate(resolve));
    } while (this.#deferrals !== before);
  }
}
