import { ByteReader, ByteWriter, CodecError } from '@tinykv/base';
import { ID_BYTES } from './keys.js';

export type ObjectType = 'string' | 'hash' | 'list' | 'set' | 'zset' | 'stream';

/** What one Redis key is: the record under its meta key. */
export interface Meta {
  readonly type: ObjectType;
  /** Id of the large object whose elements lie under data keys; absent for an inline one. */
  readonly id?: Uint8Array;
  /** Milliseconds since the Unix epoch, on the scheduler's clock. */
  readonly expireAtMs?: bigint;
  /** The inline value, or what the type keeps about its large form. */
  readonly body: Uint8Array;
}

const TYPES: readonly ObjectType[] = ['string', 'hash', 'list', 'set', 'zset', 'stream'];
const TYPE_MASK = 0x0f;
const INLINE = 0x80;
const HAS_TTL = 0x20;
const FORMAT_VERSION = 1;
/** So many first bytes of a record hold all of it but an inline value: flags, format, id, expiry. */
export const META_HEAD_BYTES = 32;
/** Flags and format version: all there is before the body of an inline value without a TTL. */
const PLAIN_HEADER_BYTES = 2;
const PLAIN_STRING = 1 | INLINE;

/** How the records of keys begin whose overwriting leaves nothing to be cleared away: inline, without a TTL. */
export const PLAIN_HEADS: readonly Uint8Array[] = TYPES.map((_, i) =>
  Uint8Array.of((i + 1) | INLINE, FORMAT_VERSION),
);

/** Layout: type|flags u8, format version varint, id10 unless inline, expireAt u64 when flagged, body. */
export function encodeMeta(meta: Meta): Uint8Array {
  let flags = TYPES.indexOf(meta.type) + 1;
  if (meta.id === undefined) flags |= INLINE;
  if (meta.expireAtMs !== undefined) flags |= HAS_TTL;
  if (meta.id === undefined && meta.expireAtMs === undefined) {
    return encodePlain(flags, meta.body);
  }
  const writer = new ByteWriter(24 + meta.body.length).u8(flags).varint(FORMAT_VERSION);
  if (meta.id !== undefined) writer.raw(meta.id);
  if (meta.expireAtMs !== undefined) writer.timestamp(meta.expireAtMs);
  return writer.raw(meta.body).finish();
}

/** The common case, without a writer. */
function encodePlain(flags: number, body: Uint8Array): Uint8Array {
  const out = new Uint8Array(PLAIN_HEADER_BYTES + body.length);
  out[0] = flags;
  out[1] = FORMAT_VERSION;
  out.set(body, PLAIN_HEADER_BYTES);
  return out;
}

/** Throws CodecError for a record of another format. */
export function decodeMeta(bytes: Uint8Array): Meta {
  if (bytes[0] === PLAIN_STRING && bytes[1] === FORMAT_VERSION) {
    return { type: 'string', body: bytes.subarray(PLAIN_HEADER_BYTES) };
  }
  const reader = new ByteReader(bytes);
  const flags = reader.u8();
  const type = TYPES[(flags & TYPE_MASK) - 1];
  if (type === undefined) throw new CodecError(`meta record with type byte ${flags}`);
  const version = reader.varint();
  if (version !== FORMAT_VERSION) throw new CodecError(`meta record of format ${version}`);
  const id = flags & INLINE ? undefined : reader.raw(ID_BYTES);
  const expireAtMs = flags & HAS_TTL ? reader.timestamp() : undefined;
  return makeMeta(type, reader.rest(), expireAtMs, id);
}

/** In the place of a record that this gateway cannot read: another program's, or of a later format. */
export const UNREADABLE = 'unreadable';

export type StoredMeta = Meta | typeof UNREADABLE;

/** The record under a meta key, whatever it is. */
export function readMeta(bytes: Uint8Array): StoredMeta {
  try {
    return decodeMeta(bytes);
  } catch (error) {
    if (error instanceof CodecError) return UNREADABLE;
    throw error;
  }
}

export function makeMeta(
  type: ObjectType,
  body: Uint8Array,
  expireAtMs: bigint | undefined,
  id?: Uint8Array,
): Meta {
  return {
    type,
    body,
    ...(id === undefined ? {} : { id }),
    ...(expireAtMs === undefined ? {} : { expireAtMs }),
  };
}

/** Whether the key is gone at `nowMs`, a physical time of the scheduler. A record that cannot be read does not expire. */
export function isExpired(meta: StoredMeta, nowMs: number): boolean {
  if (meta === UNREADABLE || meta.expireAtMs === undefined) return false;
  return meta.expireAtMs <= nowMs;
}
