import { ByteReader, ByteWriter, TS_MAX } from '@tinykv/base';
import type { VersionReader } from '../kv-port.js';
import { epochKey } from '../model/keys.js';

/** The record of one database. */
export interface EpochRecord {
  readonly epoch: number;
  /** The transaction that closed the database; undefined while it is open. */
  readonly closedBy: bigint | undefined;
}

/** A record and the commit that wrote it; 0: the database was never flushed. */
export interface SeenRecord extends EpochRecord {
  readonly version: bigint;
}

const NEVER_FLUSHED: EpochRecord = { epoch: 0, closedBy: undefined };

/** Reads the records of all databases of an instance. */
export class EpochRecords {
  readonly #store: VersionReader;
  readonly #keys: readonly Uint8Array[];

  constructor(store: VersionReader, instance: number, databases: number) {
    this.#store = store;
    this.#keys = Array.from({ length: databases }, (_, db) => epochKey(instance, db));
  }

  get keys(): readonly Uint8Array[] {
    return this.#keys;
  }

  /** The newest of each: linearizable, without a timestamp, and no snapshot of them all. By database. */
  newest(): Promise<SeenRecord[]> {
    return this.at(TS_MAX);
  }

  async at(ts: bigint): Promise<SeenRecord[]> {
    const { versions } = await this.#store.readVersions(this.#keys, ts);
    return versions.map(({ value, commitTs: version }) => {
      const record = value === undefined ? NEVER_FLUSHED : decodeRecord(value);
      return { ...record, version };
    });
  }
}

export function encodeRecord(record: EpochRecord): Uint8Array {
  return new ByteWriter(12)
    .u32(record.epoch)
    .timestamp(record.closedBy ?? 0n)
    .finish();
}

/** The record under an epoch key. Throws CodecError. */
export function decodeRecord(bytes: Uint8Array): EpochRecord {
  const reader = new ByteReader(bytes);
  const epoch = reader.u32();
  const closedBy = reader.timestamp();
  return { epoch, closedBy: closedBy === 0n ? undefined : closedBy };
}
