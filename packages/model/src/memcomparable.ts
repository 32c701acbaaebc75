import { CodecError } from '@tinykv/base';

// The memcomparable encoding of TiKV and MyRocks: groups of eight bytes, zero padded, each followed by
// a marker 0xff - padCount. Order preserving, and no encoding is a prefix of another.
const GROUP = 8;
const MARKER = 0xff;

/** Size of the encoding of `length` bytes. */
export function encodedLength(length: number): number {
  return (Math.floor(length / GROUP) + 1) * (GROUP + 1);
}

/** Writes the encoding of `bytes` at `offset` of `out`, which must be zero there; returns the end. */
export function encodeBytesInto(out: Uint8Array, offset: number, bytes: Uint8Array): number {
  let at = offset;
  for (let from = 0; from <= bytes.length; from += GROUP) {
    const count = Math.min(GROUP, bytes.length - from);
    for (let i = 0; i < count; i++) out[at + i] = bytes[from + i]!;
    out[at + GROUP] = MARKER - (GROUP - count);
    at += GROUP + 1;
  }
  return at;
}

export function encodeBytes(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(encodedLength(bytes.length));
  encodeBytesInto(out, 0, bytes);
  return out;
}

/** Decodes the encoding that starts at `offset`; throws CodecError on a bad marker or padding. */
export function decodeBytes(
  encoded: Uint8Array,
  offset = 0,
): { readonly bytes: Uint8Array; readonly end: number } {
  const end = encodingEnd(encoded, offset);
  // Without an end the bytes are malformed, and decoding tells where.
  const room = end < 0 ? encoded.length : ((end - offset) / (GROUP + 1)) * GROUP;
  const out = new Uint8Array(room);
  const length = decodeBytesInto(out, encoded, offset);
  return { bytes: out.slice(0, length), end: offset + encodedLength(length) };
}

/**
 * Decodes the encoding that starts at `offset` into the start of `out`, which has room for all of `encoded`; returns
 * the length, of which {@link encodedLength} gives the end. Throws CodecError as {@link decodeBytes} does.
 */
export function decodeBytesInto(out: Uint8Array, encoded: Uint8Array, offset: number): number {
  let length = 0;
  for (let at = offset; ; at += GROUP + 1) {
    if (at + GROUP >= encoded.length) throw new CodecError('memcomparable bytes end too early');
    const pad = MARKER - encoded[at + GROUP]!;
    if (pad > GROUP) throw new CodecError(`memcomparable marker ${encoded[at + GROUP]} is bad`);
    const count = GROUP - pad;
    for (let i = 0; i < count; i++) out[length + i] = encoded[at + i]!;
    for (let i = count; i < GROUP; i++) {
      if (encoded[at + i] !== 0) throw new CodecError('memcomparable padding is not zero');
    }
    length += count;
    if (pad !== 0) return length;
  }
}

/** The end of the encoding that starts at `offset`, without decoding; -1 when it is malformed. */
export function encodingEnd(encoded: Uint8Array, offset: number): number {
  for (let at = offset; at + GROUP < encoded.length; at += GROUP + 1) {
    const marker = encoded[at + GROUP]!;
    if (marker !== MARKER) return marker >= MARKER - GROUP ? at + GROUP + 1 : -1;
  }
  return -1;
}

/** True when the bytes are exactly one encoding. */
export function isEncodedBytes(encoded: Uint8Array): boolean {
  return encodingEnd(encoded, 0) === encoded.length;
}
