import { KvError, type KvErrorCode } from '@tinykv/base';
import type { KeyGroups } from '@tinykv/client';

export type { KeyGroups } from '@tinykv/client';

/** What a key is at a timestamp, and since when. */
export interface KvVersion {
  readonly value: Uint8Array | undefined;
  /** Of the Put or Delete that is seen, never of a Lock or a rollback. 0: none, or a Delete that is collected by now. */
  readonly commitTs: bigint;
}

export interface KvVersions {
  /** In the order of the keys. */
  readonly versions: readonly KvVersion[];
  /** Deletes up to it may have been collected. */
  readonly safePoint: bigint;
}

export interface VersionReader {
  /**
   * The keys as `ts` sees them. At TS_MAX the newest of each: linearizable, without a timestamp from the scheduler,
   * and no snapshot of them all. Throws `conflict` below the safe point.
   */
  readVersions(keys: readonly Uint8Array[], ts: bigint): Promise<KvVersions>;
}

/**
 * What the gateway asks of the store below: snapshot-isolation transactions over ordered byte keys, as
 * `@tinykv/client` gives them. Implementations throw {@link GatewayKvError} and nothing else.
 */
export interface GatewayKv extends VersionReader {
  /** A transaction that reads the snapshot at a timestamp fetched after this call, and ends within `lifetimeMs`. */
  begin(lifetimeMs?: number): Promise<KvTxn>;
  /**
   * The newest versions of distinct keys, in one message for each Region and without a promise for each: every one
   * linearizable for itself, without a timestamp from the scheduler. A key that has to be waited for holds up no other.
   */
  readNewest<R extends KvRead>(reads: readonly R[], timeoutMs: number, reader: KvReader<R>): void;
  /** The same as the snapshot at `ts` sees them. */
  readAt<R extends KvRead>(
    reads: readonly R[],
    ts: bigint,
    timeoutMs: number,
    reader: KvReader<R>,
  ): void;
  /** A timestamp fetched after this call. */
  timestamp(): Promise<bigint>;
  /**
   * Writes of distinct keys, each of which the store decides by itself, in one message for each Region and without a promise
   * for each. A key is asked for once with each timestamp, which was fetched for these writes.
   */
  writeOneKeys<W extends KvWrite>(
    writes: readonly W[],
    timeoutMs: number,
    writer: KvWriter<W>,
  ): void;
}

export interface KvRead {
  readonly key: Uint8Array;
}

/** Hears of each read once. */
export interface KvReader<R extends KvRead> {
  onRead(read: R, value: Uint8Array | undefined, commitTs: bigint): void;
  /** `failure` is a GatewayKvError, or a bug. */
  onReadFailed(read: R, failure: unknown): void;
  /** The outcomes that one message brought have been told. */
  onReadsTold(): void;
}

/** Hears of each write once. */
export interface KvWriter<W extends KvWrite> {
  onWritten(write: W, written: KvWritten): void;
  /** As a commit fails. */
  onWriteFailed(write: W, failure: unknown): void;
}

export interface KvWrite {
  readonly key: Uint8Array;
  readonly ts: bigint;
  /** The newest committed value must be that of the version (0: there is none), or must begin with one of the heads, or must not be there. */
  readonly condition:
    | { readonly type: 'version'; readonly version: bigint }
    | {
        readonly type: 'head';
        readonly heads: readonly Uint8Array[];
        readonly orAbsent: boolean;
      };
  /** Undefined: the key is deleted. */
  readonly value: Uint8Array | undefined;
  /** Blind writes of other keys that happen with it, or not at all. */
  readonly companions: readonly KvChange[];
}

export interface KvChange {
  readonly key: Uint8Array;
  /** Undefined: the key is deleted. */
  readonly value: Uint8Array | undefined;
}

/**
 * - `written`: durable, and seen by whoever begins afterwards.
 * - `refused`: the condition does not hold. Nothing was applied.
 * - `unready`: the store cannot decide it now; a transaction can. Nothing was applied.
 * - `apart`: the companions lie in another Region; a transaction can write them. Nothing was applied.
 */
export type KvWritten = 'written' | 'refused' | 'unready' | 'apart';

export interface KvPair {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface KvScanOptions {
  /** From the end backwards. */
  readonly reverse?: boolean;
  /** Leaves the values out: they are empty. */
  readonly keyOnly?: boolean;
  /** So many first bytes of each value: the rest stays on the store. */
  readonly valueBytesMax?: number;
  /** Which keys are wanted, of a scan upwards; default: all. */
  readonly groups?: KeyGroups;
}

/** Reads see the snapshot at `startTs` and, over it, the transaction's own writes. */
export interface KvTxn {
  readonly startTs: bigint;
  get(key: Uint8Array): Promise<Uint8Array | undefined>;
  /** Values in the order of the keys. */
  batchGet(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>;
  /** At most `limit` pairs of [start, end) in key order; an empty `end` is no end. */
  scan(
    start: Uint8Array,
    end: Uint8Array,
    limit: number,
    options?: KvScanOptions,
  ): Promise<KvPair[]>;
  put(key: Uint8Array, value: Uint8Array): void;
  delete(key: Uint8Array): void;
  /** Makes the commit fail when another transaction writes `key` after this one's snapshot. */
  lockKey(key: Uint8Array): void;
  /** All writes or none. May be called once; nothing else is called after it. */
  commit(): Promise<void>;
  /** Gives up what was written. Never throws, and may follow a failed read. */
  rollback(): Promise<void>;
}

/**
 * - `conflict`: another transaction was first; nothing was applied, so trying again is safe.
 * - `undetermined`: the commit was sent and its outcome cannot be known: never tried again.
 * - `unavailable`: the store cannot be reached or refuses; nothing was applied.
 * - `too-large`: a key, value or the whole transaction is over a limit of the store; nothing was applied.
 */
export type KvFailure = 'conflict' | 'undetermined' | 'unavailable' | 'too-large';

const CODES: Readonly<Record<KvFailure, KvErrorCode>> = {
  conflict: 'FAILED_PRECONDITION',
  undetermined: 'UNKNOWN',
  unavailable: 'UNAVAILABLE',
  'too-large': 'INVALID_ARGUMENT',
};

export class GatewayKvError extends KvError {
  override readonly name = 'GatewayKvError';
  readonly failure: KvFailure;

  constructor(failure: KvFailure, message: string, options?: { cause?: unknown }) {
    super(CODES[failure], message, options);
    this.failure = failure;
  }
}
