import { describeBytes } from '@tinykv/base';
import { isTtlKey, PREFIX_BYTES, parseTtlKey, userKeyOfMeta } from './keys.js';

const ROOT = 0x52;
const META = 0x6d;
/** `'R' instance family` of records that belong to no database. */
const OWN: ReadonlyMap<number, string> = new Map([
  [0x45, 'epochs'],
  [0x47, 'gateways'],
  [0x4c, 'layout'],
  [0x67, 'collection'],
]);

/**
 * A key of a gateway for people: the Redis key in it, or what kind of record it belongs to. Undefined for a key that no
 * gateway has written; one that only begins like a gateway's may be taken for one.
 */
export function describeGatewayKey(key: Uint8Array, max?: number): string | undefined {
  if (key[0] !== ROOT || key.length < 6) return undefined;
  const view = new DataView(key.buffer, key.byteOffset, key.byteLength);
  const instance = view.getUint32(1);
  const tenant = instance === 1 ? '' : `${instance}/`;
  const own = OWN.get(key[5]!);
  if (own !== undefined) return `redis ${tenant}${own}`;
  if (key[5]! > 0x0f || key.length <= PREFIX_BYTES) return undefined;
  const place = `redis ${tenant}${view.getUint16(5)}`;
  const family = String.fromCharCode(key[PREFIX_BYTES]!);
  if (isMetaKey(key)) {
    return `${place}:${describeBytes(userKeyOfMeta(key), max)}`;
  }
  if (family === 'd') return `${place} element`;
  if (family === 'm' && isTtlKey(key)) {
    return `${place} expiry of ${describeBytes(parseTtlKey(key).userKey, max)}`;
  }
  return undefined;
}

/** Whether a Redis key, with what it is, may lie under the key. */
export function isMetaKey(key: Uint8Array): boolean {
  const isOfDatabase = key[0] === ROOT && key.length >= PREFIX_BYTES + 4 && key[5]! <= 0x0f;
  return isOfDatabase && key[PREFIX_BYTES] === META && key[PREFIX_BYTES + 3] === 0;
}
