// CRC-32 (IEEE 802.3, reflected), four bytes a step ("slicing by 4").
const tables: readonly Uint32Array[] = makeTables();

function makeTables(): Uint32Array[] {
  const out = [0, 1, 2, 3].map(() => new Uint32Array(256));
  for (let i = 0; i < 256; i++) {
    let c = i;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb8_8320 : c >>> 1;
    out[0]![i] = c >>> 0;
  }
  for (let i = 0; i < 256; i++) {
    for (let t = 1; t < 4; t++) {
      const c = out[t - 1]![i]!;
      out[t]![i] = ((c >>> 8) ^ out[0]![c & 0xff]!) >>> 0;
    }
  }
  return out;
}

/** CRC-32 of the bytes; pass the result of an earlier part as `seed` to go on. */
export function crc32(bytes: Uint8Array, seed = 0): number {
  const [t0, t1, t2, t3] = tables as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  let c = ~seed;
  let i = 0;
  const last = bytes.length - 3;
  for (; i < last; i += 4) {
    c ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    c = t3[c & 0xff]! ^ t2[(c >>> 8) & 0xff]! ^ t1[(c >>> 16) & 0xff]! ^ t0[c >>> 24]!;
  }
  for (; i < bytes.length; i++) c = (c >>> 8) ^ t0[(c ^ bytes[i]!) & 0xff]!;
  return ~c >>> 0;
}
