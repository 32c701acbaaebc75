import { assert } from '@tinykv/base';
import type { DataSegment } from './data-segment.js';

/** Keeps segments readable that were there when it was made. */
export interface SegmentPin {
  /** Another holder of the same pin, which ends with the last of its holders. */
  share(): SegmentPin;
  /** Once for each holder. */
  release(): void;
}

/** Readers that still look into segments, and the segments that wait for them to be done. */
export class SegmentPins {
  readonly #pins = new Set<object>();
  /** Their files are gone by name; the readers from before that hold them open. */
  readonly #retired = new Map<DataSegment, Set<object>>();
  #closing: Promise<unknown> = Promise.resolve();

  /** Keeps what is there now readable until the result is released. */
  pin(): SegmentPin {
    const pin = {};
    this.#pins.add(pin);
    let holders = 0;
    const hold = (): SegmentPin => {
      let isHeld = true;
      holders++;
      return {
        share: () => {
          assert(isHeld, 'a released pin is shared');
          return hold();
        },
        release: () => {
          if (!isHeld) return;
          isHeld = false;
          holders--;
          if (holders === 0) this.#unpin(pin);
        },
      };
    };
    return hold();
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
