import { concatBytes, utf8 } from '@tinykv/base';

/** A field of a message that is not checked by anybody: what a codec of ours would refuse to encode can be said here. */
export interface Field {
  readonly number: number;
  /** A varint of 64 bits, or what carries its length. */
  readonly value: bigint | Uint8Array | string;
}

export function encodeFields(fields: readonly Field[]): Uint8Array {
  return concatBytes(...fields.map(encodeField));
}

function encodeField({ number, value }: Field): Uint8Array {
  if (typeof value === 'bigint') return concatBytes(varint(tag(number, 0)), varint(value));
  const bytes = typeof value === 'string' ? utf8(value) : value;
  return concatBytes(varint(tag(number, 2)), varint(BigInt(bytes.length)), bytes);
}

function tag(number: number, wireType: number): bigint {
  return BigInt(number * 8 + wireType);
}

function varint(value: bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Uint8Array.from(bytes);
}
