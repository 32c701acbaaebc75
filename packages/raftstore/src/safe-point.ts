import {
  ByteReader,
  ByteWriter,
  CodecError,
  crc32,
  type KvEngine,
  KvError,
  type KvReader,
  type Timestamp,
  TS_ZERO,
} from '@tinykv/base';
import { safePointKey } from '@tinykv/model';

type Batch = ReturnType<KvEngine['batch']>;

/**
 * Below what a store refuses to read and to begin anything.
 *
 * Invariant: of every version that the engine has lacked since the collection, a read that would see it is below the
 * mark, in memory before the removal reaches the engine, and in the engine in the same batch. So it holds whoever
 * decided the removal (an entry of the log, the sender of a snapshot), whatever this store has heard of the
 * scheduler, and after a crash whichever batches are left.
 */
export class SafePointMark {
  #value: Timestamp;

  private constructor(value: Timestamp) {
    this.#value = value;
  }

  /** Throws KvError DATA_LOSS. */
  static load(engine: KvReader): SafePointMark {
    return new SafePointMark(storedSafePoint(engine));
  }

  get value(): Timestamp {
    return this.#value;
  }

  /** In memory alone: refuses what is soon to be collected. */
  raise(safePoint: Timestamp): void {
    if (safePoint > this.#value) this.#value = safePoint;
  }

  /**
   * Before the batch removes what reads below the safe point would see. The mark goes into every such batch, even if
   * another has written it: that one may be lost.
   */
  collect(safePoint: Timestamp, batch: Batch): void {
    this.raise(safePoint);
    batch.put(safePointKey, encode(this.#value));
  }
}

/** As of a snapshot of the engine: what is missing in it lies below. Throws KvError DATA_LOSS. */
export function storedSafePoint(engine: KvReader): Timestamp {
  const bytes = engine.get(safePointKey);
  if (bytes === undefined) return TS_ZERO;
  try {
    return decode(bytes);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw new KvError('DATA_LOSS', `safe point: ${error.message}`, { cause: error });
  }
}

function encode(safePoint: Timestamp): Uint8Array {
  const w = new ByteWriter(12).timestamp(safePoint);
  return w.u32(crc32(w.finish())).finish().slice();
}

function decode(bytes: Uint8Array): Timestamp {
  const r = new ByteReader(bytes);
  const safePoint = r.timestamp();
  const crc = r.u32();
  r.end();
  if (crc !== crc32(bytes.subarray(0, 8))) throw new CodecError('checksum does not match');
  return safePoint;
}
