import { errorMessage, type Logger, type RegionId, type Term, type Timestamp } from '@tinykv/base';
import type { RegionView } from '@tinykv/model';
import type { ConcurrencyManager } from './concurrency.js';

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
  readonly #timestamp: () => Promise<Timestamp>;
  readonly #logger: Logger;
  /** Of Regions that this store leads or has led: one record each. */
  readonly #syncs = new Map<RegionId, Sync>();

  constructor(
    concurrency: ConcurrencyManager,
    timestamp: () => Promise<Timestamp>,
    logger: Logger,
  ) {
    this.#concurrency = concurrency;
    this.#timestamp = timestamp;
    this.#logger = logger;
  }

  /** Whether the leader of this view may choose commit timestamps; if not, it soon will. */
  isSynced({ region, term }: RegionView): boolean {
    const known = this.#syncs.get(region.id);
    if (known?.term === term) return known.isDone;
    const sync: Sync = { term, isDone: false };
    this.#syncs.set(region.id, sync);
    this.#timestamp().then(
      (ts) => {
        this.#concurrency.raiseMaxTs(ts);
        sync.isDone = true;
      },
      (error: unknown) => {
        if (this.#syncs.get(region.id) === sync) this.#syncs.delete(region.id);
        this.#logger.warn('no timestamp for one-phase commits', {
          region_id: region.id,
          error: errorMessage(error),
        });
      },
    );
    return false;
  }
}
