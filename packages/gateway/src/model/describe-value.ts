import { ByteReader, describeBytes } from '@tinykv/base';
import { isMetaKey } from './describe-key.js';
import { type Meta, readMeta, UNREADABLE } from './meta-codec.js';

/**
 * The record under a gateway's key for people: type, size, expiry, and a value that lies in the record. Undefined for
 * a key that holds no value of Redis: another program's, or a gateway's own. `timeText` shows milliseconds since the
 * Unix epoch.
 */
export function describeGatewayValue(
  key: Uint8Array,
  record: Uint8Array,
  max: number,
  timeText: (ms: bigint) => string,
): string | undefined {
  if (!isMetaKey(key)) return undefined;
  const meta = readMeta(record);
  if (meta === UNREADABLE) return `not a gateway's record: ${describeBytes(record, max)}`;
  const { type, id, expireAtMs, body } = meta;
  const until = expireAtMs === undefined ? '' : `, until ${timeText(expireAtMs)}`;
  const head = `${type}${sizeText(meta)}${until}`;
  return id === undefined ? `${head}: ${describeBytes(body, max)}` : head;
}

/** The body of a long string is its length. */
function sizeText({ type, id, body }: Meta): string {
  if (type !== 'string') return '';
  return ` of ${id === undefined ? body.length : new ByteReader(body).varint()} bytes`;
}
