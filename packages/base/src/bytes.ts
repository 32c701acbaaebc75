import { KvError } from './errors.js';

// TextEncoder and TextDecoder are part of every JavaScript host but of no `lib` that pure packages load.
declare const TextEncoder: { new (): { encode(text: string): Uint8Array<ArrayBuffer> } };
declare const TextDecoder: {
  new (
    label?: string,
    options?: { fatal?: boolean; ignoreBOM?: boolean },
  ): { decode(bytes: Uint8Array): string };
};

const encoder = new TextEncoder();
const decoder = new TextDecoder();
// `ignoreBOM` keeps a mark of the byte order where it stands.
const exactDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const LONE_SURROGATE = /\p{Surrogate}/u;

export const EMPTY_BYTES: Uint8Array = new Uint8Array(0);

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

export function fromUtf8(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

/** UTF-8 that {@link fromExactUtf8} gives back as it was. Throws KvError INVALID_ARGUMENT for a string with a lone surrogate. */
export function exactUtf8(text: string): Uint8Array {
  if (LONE_SURROGATE.test(text)) {
    throw new KvError('INVALID_ARGUMENT', 'a string with a lone surrogate has no UTF-8');
  }
  return encoder.encode(text);
}

/** Throws KvError FAILED_PRECONDITION for bytes that are no UTF-8. */
export function fromExactUtf8(bytes: Uint8Array): string {
  try {
    return exactDecoder.decode(bytes);
  } catch (cause) {
    const text = `${describeBytes(bytes)} is no UTF-8`;
    throw new KvError('FAILED_PRECONDITION', text, { cause });
  }
}

/** Lexicographic order of unsigned bytes: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const d = a[i]! - b[i]!;
    if (d !== 0) return d;
  }
  return a.length - b.length;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

export function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  if (bytes.length < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (bytes[i] !== prefix[i]) return false;
  return true;
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const out = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}

/** A copy that owns its memory, for bytes that outlive the socket chunk they came in. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** The smallest key greater than `key`. */
export function nextKey(key: Uint8Array): Uint8Array {
  const out = new Uint8Array(key.length + 1);
  out.set(key);
  return out;
}

/** The end of the range of all keys with this prefix; empty (no end) when the prefix is all 0xff. */
export function prefixEnd(prefix: Uint8Array): Uint8Array {
  let last = prefix.length - 1;
  while (last >= 0 && prefix[last] === 0xff) last--;
  if (last < 0) return EMPTY_BYTES;
  const out = prefix.slice(0, last + 1);
  out[last] = out[last]! + 1;
  return out;
}

/** Arguments that one call can safely take. */
const CHARS_MAX = 4096;

/** One char per byte: a key for `Map`, equal exactly when the bytes are, and in the same order. */
export function keyString(bytes: Uint8Array): string {
  if (bytes.length <= CHARS_MAX) return charsOf(bytes);
  let out = '';
  for (let i = 0; i < bytes.length; i += CHARS_MAX)
    out += charsOf(bytes.subarray(i, i + CHARS_MAX));
  return out;
}

/** `apply` takes a typed array as it is; spreading it iterates, which costs four times as much. */
function charsOf(bytes: Uint8Array): string {
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

/** Inverse of {@link keyString}. */
export function fromKeyString(text: string): Uint8Array {
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out;
}

export function toHex(bytes: Uint8Array): string {
  let out = '';
  for (const byte of bytes) out += (byte < 16 ? '0' : '') + byte.toString(16);
  return out;
}

/** Returns undefined when the text is not an even number of hex digits. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return undefined;
  const out = new Uint8Array(text.length / 2);
  for (let i = 0; i < out.length; i++) out[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return out;
}

/** Printable form for logs: ASCII as it is, the rest as \xNN, cut at `max` bytes. */
export function describeBytes(bytes: Uint8Array, max = 64): string {
  let out = '';
  for (const byte of bytes.subarray(0, max)) {
    out +=
      byte >= 0x20 && byte < 0x7f && byte !== 0x5c
        ? String.fromCharCode(byte)
        : `\\x${byte < 16 ? '0' : ''}${byte.toString(16)}`;
  }
  return bytes.length > max ? `${out}… (${bytes.length} bytes)` : out;
}
