const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;

const INT64_MAX = 0x7fff_ffff_ffff_ffffn;
const INT64_MIN = -0x8000_0000_0000_0000n;

/**
 * A decimal number of `bytes[from, to)` as Redis writes them: no sign but `-`, no leading zero, no space,
 * no `-0`. Undefined otherwise, and beyond 2^53.
 */
export function parseDecimal(
  bytes: Uint8Array,
  from = 0,
  to: number = bytes.length,
): number | undefined {
  const negative = bytes[from] === MINUS && from < to;
  const first = negative ? from + 1 : from;
  const digits = to - first;
  if (digits < 1 || digits > 16) return undefined;
  if (bytes[first] === ZERO && (digits > 1 || negative)) return undefined;
  let value = 0;
  for (let i = first; i < to; i++) {
    const byte = bytes[i]!;
    if (byte < ZERO || byte > NINE) return undefined;
    value = value * 10 + (byte - ZERO);
  }
  if (!Number.isSafeInteger(value)) return undefined;
  return negative ? -value : value;
}

/** The same grammar over the whole range of a signed 64-bit integer. */
export function parseInt64(bytes: Uint8Array): bigint | undefined {
  const small = parseDecimal(bytes);
  if (small !== undefined) return BigInt(small);
  if (bytes.length < 16 || bytes.length > 20) return undefined;
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  if (!/^-?[1-9][0-9]*$/.test(text)) return undefined;
  const value = BigInt(text);
  return value >= INT64_MIN && value <= INT64_MAX ? value : undefined;
}

export function fitsInt64(value: bigint): boolean {
  return value >= INT64_MIN && value <= INT64_MAX;
}
