/** Steps of eight bytes ("slicing by 8"): table t tells what a byte does that t bytes follow. */
const SLICES = 8;

/** CRC-32 as in IEEE 802.3. */
const ieee = makeTables(0xedb8_8320);
/** CRC-32C (Castagnoli): LevelDB's. */
const castagnoli = makeTables(0x82f6_3b78);

/** The tables one behind the other: one flat array is half as fast again as an array of arrays. */
function makeTables(polynomial: number): Int32Array {
  const out = new Int32Array(SLICES * 256);
  for (let i = 0; i < 256; i++) {
    let c = i;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ polynomial : c >>> 1;
    out[i] = c;
  }
  for (let i = 256; i < out.length; i++) {
    const c = out[i - 256]!;
    out[i] = (c >>> 8) ^ out[c & 0xff]!;
  }
  return out;
}

/** CRC-32 of the bytes before `end`; pass the result of an earlier part as `seed` to go on. */
export function crc32(bytes: Uint8Array, seed = 0, end: number = bytes.length): number {
  return update(ieee, bytes, seed, end);
}

/** CRC-32C of the bytes; pass the result of an earlier part as `seed` to go on. */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  return update(castagnoli, bytes, seed, bytes.length);
}

function update(t: Int32Array, bytes: Uint8Array, seed: number, end: number): number {
  let c = ~seed;
  let i = 0;
  const last = end - 7;
  for (; i < last; i += 8) {
    c ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    c =
      t[1792 + (c & 0xff)]! ^
      t[1536 + ((c >>> 8) & 0xff)]! ^
      t[1280 + ((c >>> 16) & 0xff)]! ^
      t[1024 + (c >>> 24)]! ^
      t[768 + bytes[i + 4]!]! ^
      t[512 + bytes[i + 5]!]! ^
      t[256 + bytes[i + 6]!]! ^
      t[bytes[i + 7]!]!;
  }
  for (; i < end; i++) c = (c >>> 8) ^ t[(c ^ bytes[i]!) & 0xff]!;
  return ~c >>> 0;
}

export interface FlippedBitPlace {
  readonly byte: number;
  readonly bit: number;
}

/**
 * Where one flipped bit makes the CRC-32C of `length` bytes differ by `difference` (the exclusive or of
 * the two checksums): a CRC is linear, so a bit's effect depends on its place alone and not on the data.
 * Undefined when no single bit does; of the differences that chance makes, one in 2^32 / (8 * length) fits.
 */
export function crc32cFlippedBit(length: number, difference: number): FlippedBitPlace | undefined {
  return flippedBit(castagnoli, length, difference);
}

/** As {@link crc32cFlippedBit}, for CRC-32. */
export function crc32FlippedBit(length: number, difference: number): FlippedBitPlace | undefined {
  return flippedBit(ieee, length, difference);
}

function flippedBit(
  t: Int32Array,
  length: number,
  difference: number,
): FlippedBitPlace | undefined {
  const wanted = difference | 0;
  const effects = Int32Array.from({ length: 8 }, (_, bit) => t[1 << bit]!);
  for (let byte = length - 1; byte >= 0; byte--) {
    for (let bit = 0; bit < 8; bit++) {
      const effect = effects[bit]!;
      if (effect === wanted) return { byte, bit };
      // The same bit one byte earlier: one more byte follows it.
      effects[bit] = (effect >>> 8) ^ t[effect & 0xff]!;
    }
  }
  return undefined;
}
