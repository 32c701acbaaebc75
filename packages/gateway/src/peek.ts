import { decodeRecord } from './epochs/epoch-records.js';
import { databasePrefix, epochKey, metaKey } from './model/keys.js';
import { decodeMeta, isExpired, type ObjectType } from './model/meta-codec.js';

/** What a Redis key is, as one who looks from outside the gateway sees it. */
export type Peeked =
  | { readonly type: 'none' }
  | { readonly type: 'string'; readonly value: Uint8Array }
  /** A value that does not lie in one record. */
  | { readonly type: 'large'; readonly of: ObjectType };

/**
 * Reads a Redis key past the gateways, by the newest committed record of the key-value store: for tools.
 * `read` gives the value of one key of the store, `nowMs` is a physical time of the scheduler.
 */
export async function peekKey(
  read: (key: Uint8Array) => Promise<Uint8Array | undefined>,
  nowMs: number,
  at: { readonly instance: number; readonly db: number },
  key: Uint8Array,
): Promise<Peeked> {
  const record = await read(epochKey(at.instance, at.db));
  const epoch = record === undefined ? 0 : decodeRecord(record).epoch;
  const bytes = await read(metaKey(databasePrefix(at.instance, at.db, epoch), key));
  if (bytes === undefined) return { type: 'none' };
  const meta = decodeMeta(bytes);
  if (isExpired(meta, nowMs)) return { type: 'none' };
  if (meta.type === 'string' && meta.id === undefined) return { type: 'string', value: meta.body };
  return { type: 'large', of: meta.type };
}
