import { KvError, limits, MemoryBudget, type UnaryHandler } from '@tinykv/base';
import { kvrpcpb, regionErrorToWire, tinykvpb, tinykvtxn } from '@tinykv/proto';

/** Methods that read as many keys as a Region has, or answer with as many bytes as a message carries. */
const LONG_METHODS: ReadonlySet<string> = new Set(
  [
    tinykvpb.TinyKv.kvScan,
    tinykvpb.TinyKv.rawScan,
    tinykvpb.TinyKv.kvResolveLock,
    tinykvtxn.Txn.kvBatchGet,
    tinykvtxn.Txn.kvGetVersions,
    tinykvtxn.Txn.kvScanLock,
    tinykvtxn.Txn.mvccGetByKey,
  ].map(({ path }) => path),
);

/** Their answers have no field for an error of the Region. */
const WITHOUT_REGION_ERROR: ReadonlySet<string> = new Set(
  [tinykvpb.TinyKv.coprocessor, tinykvtxn.Txn.unsafeDestroyRange].map(({ path }) => path),
);

/**
 * The load of one store: memory and running requests over all streams and calls. A request that does not fit is told
 * that the store is busy: its client comes back after a pause.
 */
export class RequestLoad {
  /** Messages with requests that have no answer yet. */
  readonly requests: MemoryBudget = new MemoryBudget(limits.storeRequestBytesMax);
  /** Answers that wait for their client. */
  readonly replies: MemoryBudget = new MemoryBudget(limits.storeRequestBytesMax);
  #long = 0;

  /** Running requests of the long methods. */
  get long(): number {
    return this.#long;
  }

  /** False: too many run. Each true is followed by one `endLong`. */
  beginLong(): boolean {
    if (this.#long >= limits.storeLongMax || this.replies.isFull) return false;
    this.#long += 1;
    return true;
  }

  endLong(): void {
    this.#long -= 1;
  }
}

export function isLongMethod(path: string): boolean {
  return LONG_METHODS.has(path);
}

/** The answer to a request that the store has no room for. */
export function busyAnswer(path: string): Uint8Array {
  const reason = 'too many requests';
  if (WITHOUT_REGION_ERROR.has(path)) {
    throw new KvError('RESOURCE_EXHAUSTED', `the store is busy: ${reason}`);
  }
  // All other answers have the Region error in the same place.
  const regionError = regionErrorToWire({ type: 'server-is-busy', reason });
  return kvrpcpb.RawPutResponse.encode({ regionError });
}

/** The same handlers for calls that come alone, one message each. */
export function underLoad(
  handlers: ReadonlyMap<string, UnaryHandler>,
  load: RequestLoad,
): ReadonlyMap<string, UnaryHandler> {
  return new Map(
    [...handlers].map(([path, handler]) => [path, limited(path, handler, load)] as const),
  );
}

function limited(path: string, handler: UnaryHandler, load: RequestLoad): UnaryHandler {
  const isLong = isLongMethod(path);
  return (request, peer) => {
    if (!load.requests.hasRoom(request.length)) return busyAnswer(path);
    if (isLong && !load.beginLong()) return busyAnswer(path);
    load.requests.reserve(request.length);
    const release = (): void => {
      load.requests.release(request.length);
      if (isLong) load.endLong();
    };
    try {
      const answer = handler(request, peer);
      if (answer instanceof Promise) return answer.finally(release);
      release();
      return answer;
    } catch (error) {
      release();
      throw error;
    }
  };
}
