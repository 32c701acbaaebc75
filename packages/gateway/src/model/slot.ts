const table: Uint16Array = makeTable();

function makeTable(): Uint16Array {
  const out = new Uint16Array(256);
  for (let i = 0; i < 256; i++) {
    let crc = i << 8;
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
    out[i] = crc & 0xffff;
  }
  return out;
}

/** CRC-16/XMODEM, as Redis Cluster takes it. */
export function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ table[(crc >> 8) ^ byte]!;
  return crc;
}

export const SLOT_COUNT = 16_384;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/**
 * The slot of a key (Redis Cluster specification, "Hash tags"): of what stands between the first `{` and
 * the first `}` after it when that is not empty, of the whole key otherwise.
 */
export function slotOf(key: Uint8Array): number {
  const open = key.indexOf(OPEN);
  const close = open < 0 ? -1 : key.indexOf(CLOSE, open + 1);
  const hashed = close > open + 1 ? key.subarray(open + 1, close) : key;
  return crc16(hashed) & (SLOT_COUNT - 1);
}
