import { limits } from '@tinykv/base';

/** Cuts a list, in order, into parts of at most `limits.txnBatchBytesMax`, or of one item. */
export function splitByBytes<T>(items: readonly T[], bytesOf: (item: T) => number): T[][] {
  const parts: T[][] = [];
  let bytes = 0;
  for (const item of items) {
    bytes += bytesOf(item);
    const part = parts.at(-1);
    if (part === undefined || bytes > limits.txnBatchBytesMax) {
      parts.push([item]);
      bytes = bytesOf(item);
    } else part.push(item);
  }
  return parts;
}
