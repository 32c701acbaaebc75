import type { Modify } from '@tinykv/model';

/** Fewer keys that are gone leave hardly any space. */
const GONE_MIN = 1_000;
/** Share of what is written: a key that comes and goes is written twice. New records are reason enough for compaction. */
const GONE_PART = 0.6;

/** How many keys of a Region have been written, and how many have gone for good, since it was last asked. */
export class Turnover {
  #written = 0;
  #gone = 0;

  count(modify: Modify): void {
    switch (modify.type) {
      case 'raw-put':
      case 'raw-put-expiring':
      case 'commit':
        this.#written++;
        return;
      case 'raw-expire':
        if (modify.dropValue) this.#gone++;
        return;
      case 'raw-delete':
        this.#written++;
        this.#gone++;
        return;
      case 'collect':
        if (modify.newest) this.#gone++;
        return;
      default:
        return;
    }
  }

  /** Whether the Region has lost more than came, so that nothing but a request gives its space back. Begins anew. */
  takeShrunk(): boolean {
    const hasShrunk = this.#gone >= GONE_MIN && this.#gone >= GONE_PART * this.#written;
    this.#written = 0;
    this.#gone = 0;
    return hasShrunk;
  }
}
