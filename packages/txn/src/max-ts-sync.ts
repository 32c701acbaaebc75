import type { RegionId, Term } from '@tinykv/base';
import type { RegionView } from '@tinykv/model';
import type { ConcurrencyManager } from './concurrency.js';
import type { TimestampBound } from './timestamp-bound.js';

interface Sync {
  readonly term: Term;
  isDone: boolean;
}

/**
 * A leader does not know what its predecessors have served. So before the first commit that it gives a timestamp
 * itself it fetches one from the scheduler, in its own term: all reads of earlier terms are below it.
 */
export class MaxTsSync {
  readonly #concurrency: ConcurrencyManager;
  readonly #bound: TimestampBound;
  /** Of Regions that this store leads or has led: one record each. */
  readonly #syncs = new Map<RegionId, Sync>();

  constructor(concurrency: ConcurrencyManager, bound: TimestampBound) {
    this.#concurrency = concurrency;
    this.#bound = bound;
  }

  /** Whether the leader of this view may choose commit timestamps; if not, it soon will. */
  isSynced({ region, term }: RegionView): boolean {
    const known = this.#syncs.get(region.id);
    if (known?.term === term) return known.isDone;
    const sync: Sync = { term, isDone: false };
    this.#syncs.set(region.id, sync);
    void this.#bound.fetch().then((ts) => {
      if (ts !== undefined) {
        this.#concurrency.raiseMaxTs(ts);
        sync.isDone = true;
      } else if (this.#syncs.get(region.id) === sync) {
        this.#syncs.delete(region.id);
      }
    });
    return false;
  }
}
