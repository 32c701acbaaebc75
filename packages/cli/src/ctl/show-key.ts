import { CodecError, describeBytes, toHex } from '@tinykv/base';
import { describeGatewayKey } from '@tinykv/gateway';
import { type ApiMode, type KeyRange, userKeyOfBound } from '@tinykv/model';

/** A table's columns stay readable up to this. */
const SHOWN_MAX = 40;

/** The bounds of a Region as the user keys that they are. With `hex`, whole and in hexadecimal. */
export function showRange(api: ApiMode, { start, end }: KeyRange, hex = false): string {
  const from = start.length === 0 ? '-∞' : showBound(api, start, hex);
  const to = end.length === 0 ? '∞' : showBound(api, end, hex);
  return `[${from}, ${to})`;
}

function showBound(api: ApiMode, bound: Uint8Array, hex: boolean): string {
  try {
    return showUserKey(userKeyOfBound(api, bound), hex);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    // A foreign client has split here, at a key that is no encoding.
    return `${hex ? toHex(bound) : describeBytes(bound, SHOWN_MAX)} (not encoded)`;
  }
}

/** A key of a user or of a gateway, shortened. */
export function showUserKey(key: Uint8Array, hex = false): string {
  if (hex) return toHex(key);
  return describeGatewayKey(key, SHOWN_MAX) ?? describeBytes(key, SHOWN_MAX);
}
