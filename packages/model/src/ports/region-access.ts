import type {
  Awaitable,
  Caller,
  KvReader,
  KvSnapshot,
  Result,
  Term,
  Timestamp,
} from '@tinykv/base';
import type { RegionError } from '../errors.js';
import type { ApiMode } from '../keys.js';
import type { Modify } from '../modify.js';
import type { Peer, Region, RegionEpoch } from '../region.js';

/** What a client says of the Region that it thinks it speaks to (kvrpcpb.Context). */
export interface RequestContext {
  readonly regionId: number;
  readonly epoch: RegionEpoch | undefined;
  readonly peer: Peer | undefined;
  /** 0: not said. */
  readonly term: Term;
  /** Undefined: the store itself. */
  readonly caller?: Caller | undefined;
}

/**
 * The door from the transaction layer to the Regions of a store, over Raft or (standalone) over the
 * engine alone.
 */
export interface RegionAccess {
  readonly api: ApiMode;
  /**
   * Checks the context and that the user keys lie in the Region, and waits until this store may answer
   * linearizably, by read index. With a lease there is nothing to wait for.
   */
  acquireRead(
    context: RequestContext,
    keys: readonly Uint8Array[],
  ): Awaitable<Result<RegionView, RegionError>>;
  /** The same for a command that will propose: waits until an entry of the leader's own term is applied. */
  acquireWrite(
    context: RequestContext,
    keys: readonly Uint8Array[],
  ): Awaitable<Result<RegionView, RegionError>>;
  /**
   * Proposes the modifies as one atomic command under the term and epoch of the view, at most once.
   * Resolves ok when they are applied and readable, with a RegionError when they certainly never will
   * be; rejects with KvError UNKNOWN when that cannot be known.
   */
  propose(view: RegionView, modifies: readonly Modify[]): Promise<Result<void, RegionError>>;
}

/** A Region as a command saw it. Reads through it are good only while `confirm` says so. */
export interface RegionView {
  readonly region: Region;
  readonly term: Term;
  /** Point reads of the present state. */
  readonly reader: KvReader;
  snapshot(): KvSnapshot;
  /**
   * As it is now, in the whole store. A read below it may find that what it would have seen is gone, and must be
   * refused. It is raised before anything is removed for its sake: who asks after having read, or after having
   * taken a snapshot, knows.
   */
  readonly safePoint: Timestamp;
  /** To be called after the reads (or after taking the snapshot) and before their results are used. */
  confirm(): Result<void, RegionError>;
}
