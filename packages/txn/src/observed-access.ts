import type { Awaitable, Result } from '@tinykv/base';
import type {
  ApiMode,
  Modify,
  RegionAccess,
  RegionError,
  RegionView,
  RequestContext,
} from '@tinykv/model';

/** The same Regions, and a word about everything that was applied, before whoever proposed it goes on. */
export class ObservedAccess implements RegionAccess {
  readonly api: ApiMode;
  readonly #access: RegionAccess;
  readonly #onApplied: (modifies: readonly Modify[]) => void;

  constructor(access: RegionAccess, onApplied: (modifies: readonly Modify[]) => void) {
    this.api = access.api;
    this.#access = access;
    this.#onApplied = onApplied;
  }

  acquireRead(
    context: RequestContext,
    keys: readonly Uint8Array[],
  ): Awaitable<Result<RegionView, RegionError>> {
    return this.#access.acquireRead(context, keys);
  }

  acquireWrite(
    context: RequestContext,
    keys: readonly Uint8Array[],
  ): Awaitable<Result<RegionView, RegionError>> {
    return this.#access.acquireWrite(context, keys);
  }

  async propose(view: RegionView, modifies: readonly Modify[]): Promise<Result<void, RegionError>> {
    const proposed = await this.#access.propose(view, modifies);
    if (proposed.ok) this.#onApplied(modifies);
    return proposed;
  }
}
