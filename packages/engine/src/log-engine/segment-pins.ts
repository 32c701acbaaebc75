import type { DataSegment } from './data-segment.js';

/** Readers that still look into segments, and the segments that wait for them to be done. */
export class SegmentPins {
  readonly #pins = new Set<object>();
  /** Their files are gone by name; the readers from before that hold them open. */
  readonly #retired = new Map<DataSegment, Set<object>>();
  #closing: Promise<unknown> = Promise.resolve();

  /** Keeps what is there now readable until the result is called. */
  pin(): () => void {
    const pin = {};
    this.#pins.add(pin);
    return () => this.#unpin(pin);
  }

  /** Closes the segment once no reader that began before now is left. */
  retire(segment: DataSegment): void {
    if (this.#pins.size > 0) this.#retired.set(segment, new Set(this.#pins));
    else this.#close(segment);
  }

  /** Closes all that is retired, whoever reads. */
  async close(): Promise<void> {
    for (const segment of this.#retired.keys()) this.#close(segment);
    this.#retired.clear();
    await this.#closing;
  }

  #unpin(pin: object): void {
    if (!this.#pins.delete(pin)) return;
    for (const [segment, readers] of this.#retired) {
      readers.delete(pin);
      if (readers.size > 0) continue;
      this.#retired.delete(segment);
      this.#close(segment);
    }
  }

  #close(segment: DataSegment): void {
    this.#closing = Promise.all([this.#closing, segment.close()]);
  }
}
