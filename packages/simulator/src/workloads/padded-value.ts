import { fromUtf8, utf8 } from '@tinykv/base';

/** A value with its length, filled up to it: `v7:1024:....`, or without padding when it is longer by itself. */
export function padded(value: string, bytes: number): Uint8Array {
  const head = `${value}:${bytes}:`;
  return utf8(head.padEnd(bytes, '.'));
}

/** The value without its padding; of another length than it says of itself, it is another value. */
export function unpadded(bytes: Uint8Array): string {
  const text = fromUtf8(bytes);
  const [value = '', length = ''] = text.split(':', 2);
  const head = `${value}:${length}:`;
  const isWhole = text === head.padEnd(Number(length), '.');
  return isWhole ? value : `${value} cut to ${text.length} bytes`;
}
