import { assert } from '@tinykv/base';

/** No timer is worth less than this. */
const SLACK_MS = 5;

/** Spreads bytes over time: what several streams send together stays below a rate. */
export class ByteRate {
  readonly #bytesPerMs: number;
  /** When all that was let through so far is paid for, in monotonic ms. */
  #paidAt = Number.NEGATIVE_INFINITY;

  constructor(bytesPerSecond: number) {
    assert(bytesPerSecond > 0, () => `a rate of ${bytesPerSecond} bytes per second`);
    this.#bytesPerMs = bytesPerSecond / 1_000;
  }

  /** Takes the next place: the moment from which these bytes may go. What was not used before is lost. */
  reserve(bytes: number, now: number): number {
    const at = Math.max(now, this.#paidAt);
    this.#paidAt = at + bytes / this.#bytesPerMs;
    return at - now <= SLACK_MS ? now : at;
  }
}
