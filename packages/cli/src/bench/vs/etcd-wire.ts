import { ByteReader, ByteWriter, concatBytes, EMPTY_BYTES } from '@tinykv/base';

/**
 * The few messages of etcd's v3 API (etcdserverpb.KV) that the comparison needs, by hand: field numbers
 * are those of api/etcdserverpb/rpc.proto.
 */

const VARINT = 0;
const BYTES = 2;

function field(number: number, payload: Uint8Array): Uint8Array {
  return new ByteWriter(payload.length + 12)
    .varint(number * 8 + BYTES)
    .bytes(payload)
    .finish();
}

function numberField(number: number, value: number): Uint8Array {
  return new ByteWriter(16)
    .varint(number * 8 + VARINT)
    .varint(value)
    .finish();
}

interface Field {
  readonly number: number;
  /** Of a varint. */
  readonly value: number;
  /** Of a length-delimited field. */
  readonly bytes: Uint8Array;
}

function readFields(message: Uint8Array): Field[] {
  const fields: Field[] = [];
  const reader = new ByteReader(message);
  while (reader.remaining > 0) {
    const tag = reader.varint();
    const number = Math.floor(tag / 8);
    if (tag % 8 === VARINT) fields.push({ number, value: reader.varint(), bytes: EMPTY_BYTES });
    else if (tag % 8 === BYTES) fields.push({ number, value: 0, bytes: reader.bytes() });
    else throw new Error(`message from etcd has wire type ${tag % 8}`);
  }
  return fields;
}

export const ETCD_PUT = '/etcdserverpb.KV/Put';
export const ETCD_RANGE = '/etcdserverpb.KV/Range';
export const ETCD_TXN = '/etcdserverpb.KV/Txn';

export function encodePut(key: Uint8Array, value: Uint8Array): Uint8Array {
  return concatBytes(field(1, key), field(2, value));
}

/** A linearizable read of one key: `serializable` stays false. */
export function encodeRange(key: Uint8Array): Uint8Array {
  return field(1, key);
}

export interface EtcdPair {
  readonly value: Uint8Array;
  readonly modRevision: number;
}

/** The first pair of a RangeResponse. */
export function decodeRange(response: Uint8Array): EtcdPair | undefined {
  const pair = readFields(response).find((item) => item.number === 2);
  if (pair === undefined) return undefined;
  const fields = readFields(pair.bytes);
  return {
    value: fields.find((item) => item.number === 5)?.bytes ?? EMPTY_BYTES,
    modRevision: fields.find((item) => item.number === 3)?.value ?? 0,
  };
}

/** Puts all keys at once. */
export function encodePutTxn(keys: readonly Uint8Array[], value: Uint8Array): Uint8Array {
  return concatBytes(...keys.map((key) => field(2, field(2, encodePut(key, value)))));
}

/** A key as it was when it was read; revision 0: it was not there. */
export interface SeenKey {
  readonly key: Uint8Array;
  readonly modRevision: number;
}

/** Puts all keys if none has changed since it was read. */
export function encodePutIfTxn(seen: readonly SeenKey[], value: Uint8Array): Uint8Array {
  const TARGET_MOD = 2;
  // Compare: result EQUAL = 0 is left out, target = 2, key = 3, mod_revision = 6.
  const compares = seen.map(({ key, modRevision }) => {
    const revision = numberField(6, modRevision);
    return field(1, concatBytes(numberField(2, TARGET_MOD), field(3, key), revision));
  });
  const keys = seen.map(({ key }) => key);
  return concatBytes(...compares, encodePutTxn(keys, value));
}

/** Reads all keys at once. */
export function encodeReadTxn(keys: readonly Uint8Array[]): Uint8Array {
  return concatBytes(...keys.map((key) => field(2, field(1, encodeRange(key)))));
}

/** What a TxnResponse to {@link encodeReadTxn} has for each key that is there. */
export function decodeReadTxn(response: Uint8Array): EtcdPair[] {
  const answers = readFields(response).filter((item) => item.number === 3);
  return answers.flatMap(({ bytes }) => {
    const range = readFields(bytes).find((item) => item.number === 1);
    const pair = range && decodeRange(range.bytes);
    return pair === undefined ? [] : [pair];
  });
}

/** Whether a TxnResponse says that the comparisons held. */
export function decodeSucceeded(response: Uint8Array): boolean {
  return readFields(response).some((item) => item.number === 2 && item.value === 1);
}

/** Some of a range of keys, linearizable unless `revision` says as of when. */
export interface EtcdRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array;
  readonly limit: number;
  /** 0: now. */
  readonly revision: number;
  readonly keyOnly: boolean;
  readonly reverse: boolean;
}

export function encodeRangePage({
  start,
  end,
  limit,
  revision,
  keyOnly,
  reverse,
}: EtcdRange): Uint8Array {
  const DESCEND = 2;
  return concatBytes(
    field(1, start),
    field(2, end),
    numberField(3, limit),
    numberField(4, revision),
    // The order is by key: sort_target = 0 is left out.
    ...(reverse ? [numberField(5, DESCEND)] : []),
    ...(keyOnly ? [numberField(8, 1)] : []),
  );
}

export interface EtcdPage {
  readonly revision: number;
  readonly pairs: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[];
  readonly more: boolean;
}

/** All pairs of a RangeResponse, each with bytes of its own. By hand, as fast as can be: it counts for etcd. */
export function decodeRangePage(response: Uint8Array): EtcdPage {
  const reader = new ByteReader(response);
  const pairs: { key: Uint8Array; value: Uint8Array }[] = [];
  let revision = 0;
  let more = false;
  while (reader.remaining > 0) {
    const tag = reader.varint();
    if (tag === 2 * 8 + BYTES) pairs.push(readPair(response, reader));
    else if (tag === 8 + BYTES) revision = headerRevision(reader.bytes());
    else if (tag === 3 * 8 + VARINT) more = reader.varint() === 1;
    else if (tag % 8 === VARINT) reader.varint();
    else throw new Error(`range response of etcd has tag ${tag}`);
  }
  return { revision, pairs, more };
}

function headerRevision(header: Uint8Array): number {
  const reader = new ByteReader(header);
  while (reader.remaining > 0) {
    const number = Math.floor(reader.varint() / 8);
    if (number === 3) return reader.varint();
    skipVarint(reader);
  }
  return 0;
}

/** Ids of members fill 64 bits. */
function skipVarint(reader: ByteReader): void {
  while (reader.u8() >= 0x80);
}

function readPair(
  whole: Uint8Array,
  reader: ByteReader,
): { readonly key: Uint8Array; readonly value: Uint8Array } {
  const end = reader.varint() + reader.offset;
  let key = EMPTY_BYTES;
  let value = EMPTY_BYTES;
  while (reader.offset < end) {
    const tag = reader.varint();
    if (tag % 8 === VARINT) {
      skipVarint(reader);
      continue;
    }
    const length = reader.varint();
    const bytes = whole.slice(reader.offset, reader.offset + length);
    reader.skip(length);
    if (tag === 8 + BYTES) key = bytes;
    else if (tag === 5 * 8 + BYTES) value = bytes;
  }
  return { key, value };
}
