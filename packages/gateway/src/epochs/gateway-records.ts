import { assert, ByteReader, ByteWriter, CodecError, equalBytes } from '@tinykv/base';
import type { GatewayKv } from '../kv-port.js';
import { gatewayBounds, gatewayKey } from '../model/keys.js';

/** Versions of epoch records that a gateway has seen, by database. */
export type SeenVersions = ReadonlyMap<number, bigint>;

/** What a gateway tells the others about itself. */
export interface GatewayRecord {
  /** How long it uses a table after it has sent the read of it. */
  readonly leaseMs: number;
  readonly seen: SeenVersions;
}

const FORMAT = 1;
const GATEWAYS_MAX = 4_096;
/** Gateways before format 1 wrote the snapshot of the newest table that they had read, and had this lease. */
const OLD_RECORD_BYTES = 8;
const OLD_LEASE_MS = 3_000;

/** The records of the live gateways of an instance: who has to be waited for, and what each has acknowledged. */
export class GatewayRecords {
  readonly #kv: GatewayKv;
  readonly #instance: number;
  readonly #ownKey: Uint8Array;
  readonly #leaseMs: number;

  constructor(kv: GatewayKv, instance: number, gatewayId: Uint8Array, leaseMs: number) {
    this.#kv = kv;
    this.#instance = instance;
    this.#ownKey = gatewayKey(instance, gatewayId);
    this.#leaseMs = leaseMs;
  }

  /** Writes this gateway's record. Throws GatewayKvError. */
  async write(seen: SeenVersions): Promise<void> {
    const txn = await this.#kv.begin();
    txn.put(this.#ownKey, encodeGatewayRecord({ leaseMs: this.#leaseMs, seen }));
    await txn.commit();
  }

  async remove(): Promise<void> {
    const txn = await this.#kv.begin();
    txn.delete(this.#ownKey);
    await txn.commit();
  }

  /** The other gateways that have not acknowledged these versions. */
  async unseen(versions: SeenVersions): Promise<GatewayRecord[]> {
    const { start, end } = gatewayBounds(this.#instance);
    const txn = await this.#kv.begin();
    const pairs = await txn.scan(start, end, GATEWAYS_MAX);
    await txn.rollback();
    assert(pairs.length < GATEWAYS_MAX, 'too many gateway records');
    return pairs
      .filter(({ key }) => !equalBytes(key, this.#ownKey))
      .map(({ value }) => this.#read(value, versions))
      .filter(({ seen }) => [...versions].some(([db, version]) => (seen.get(db) ?? 0n) < version));
  }

  /** A record that cannot be read may be of a later gateway: it is waited for as for one like this. */
  #read(value: Uint8Array, versions: SeenVersions): GatewayRecord {
    try {
      return decodeGatewayRecord(value, versions.keys());
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      return { leaseMs: this.#leaseMs, seen: new Map() };
    }
  }
}

/**
 * Layout: zero u64, format u8, lease varint, count varint, then db u16 and version u64 each. A gateway before format 1 takes
 * the zeros for a snapshot older than all: it waits until the lease is over.
 */
export function encodeGatewayRecord({ leaseMs, seen }: GatewayRecord): Uint8Array {
  const writer = new ByteWriter(16 + 10 * seen.size).timestamp(0n).u8(FORMAT);
  writer.varint(leaseMs).varint(seen.size);
  for (const [db, version] of seen) writer.u16(db).timestamp(version);
  return writer.finish();
}

/** `databases`: those that a record of the old format is asked about. Throws CodecError. */
export function decodeGatewayRecord(bytes: Uint8Array, databases: Iterable<number>): GatewayRecord {
  const reader = new ByteReader(bytes);
  const snapshot = reader.timestamp();
  if (bytes.length === OLD_RECORD_BYTES) {
    // What was committed up to the snapshot it has seen.
    return { leaseMs: OLD_LEASE_MS, seen: new Map([...databases].map((db) => [db, snapshot])) };
  }
  const format = reader.u8();
  if (format !== FORMAT) throw new CodecError(`gateway record of format ${format}`);
  const leaseMs = reader.varint();
  const seen = new Map<number, bigint>();
  for (let count = reader.varint(); count > 0; count--) {
    const db = reader.u16();
    seen.set(db, reader.timestamp());
  }
  return { leaseMs, seen };
}
