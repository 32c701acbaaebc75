import type { Clock, StoreId } from '@tinykv/base';

/** Scheduling begins once this share of the Regions that stores announce has been reported by leaders. */
const PREPARED_SHARE = 0.8;

/** A store that has been heard of: Regions on it that somebody leads, as it says, and as leaders report. */
export interface AnnouncedRegions {
  readonly storeId: StoreId;
  readonly announced: number;
  readonly known: number;
}

/** `incomplete`: the time for reports is over, and the stores named in `missing` have announced more. */
export type PreparationState =
  | { readonly type: 'collecting' }
  | { readonly type: 'complete' }
  | { readonly type: 'incomplete'; readonly missing: readonly AnnouncedRegions[] };

/**
 * Whether a new leader knows enough of the Regions to schedule them. The time for reports begins with the first
 * store that is heard of, and is limited: a Region without a leader is reported by nobody, and must not keep the
 * others from repair. Once prepared, a leader stays so.
 */
export class Preparation {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  #firstHeardAt: number | undefined;
  #state: PreparationState = { type: 'collecting' };

  constructor(clock: Clock, timeoutMs: number) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
  }

  get state(): PreparationState {
    return this.#state;
  }

  get isDone(): boolean {
    return this.#state.type !== 'collecting';
  }

  heard(): void {
    this.#firstHeardAt ??= this.#clock.mono();
  }

  /** `isWaiting`: of some store, or of every Region, nothing has been heard that may still come. */
  check(stores: readonly AnnouncedRegions[], isWaiting: boolean): void {
    if (this.isDone || this.#firstHeardAt === undefined) return;
    const missing = stores.filter(({ announced, known }) => known < announced * PREPARED_SHARE);
    if (missing.length === 0 && !isWaiting) this.#state = { type: 'complete' };
    else if (this.#clock.mono() - this.#firstHeardAt > this.#timeoutMs) {
      this.#state = { type: 'incomplete', missing };
    }
  }
}

export function describeMissing(missing: readonly AnnouncedRegions[]): string {
  return missing
    .map(({ storeId, announced, known }) => `store ${storeId}: ${known} of ${announced}`)
    .join(', ');
}
