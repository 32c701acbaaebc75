import { limits } from '@tinykv/base';
import type { CallOptions } from './call-limits.js';
import { checkCount, invalid } from './check-count.js';
import type { ScanOptions } from './range-scan.js';

/** Throws KvError INVALID_ARGUMENT for a key that no store takes. */
export function checkKey(key: Uint8Array): void {
  checkBytes(key, 'key');
  if (key.length === 0 || key.length > limits.keyBytesMax) {
    throw invalid(`a key of ${key.length} bytes is not between 1 and ${limits.keyBytesMax}`);
  }
}

/** Programs without types, too, get an error that names what is wrong: INVALID_ARGUMENT for all but bytes. */
export function checkBytes(bytes: unknown, what: string): void {
  if (bytes instanceof Uint8Array) return;
  throw invalid(`a ${what} is to be a Uint8Array, not ${kindOf(bytes)}`);
}

/** Throws KvError INVALID_ARGUMENT. */
export function checkScan(start: unknown, options: ScanOptions & CallOptions): void {
  checkBytes(start, 'start of a scan');
  if (options.end !== undefined) checkBytes(options.end, 'end of a scan');
  checkCount(options.limit, 'limit');
  checkCount(options.timeoutMs, 'timeoutMs');
  if (options.groups !== undefined && options.reverse === true) {
    throw invalid('a scan downwards looks for no groups of keys');
  }
}

/** Undefined: not said. Throws KvError INVALID_ARGUMENT. */
export function checkTtl(ttlMs: unknown, value: Uint8Array): number | 'never' | undefined {
  if (ttlMs === undefined) return undefined;
  if (value.length === 0) throw invalid('a key that is deleted has no ttlMs');
  if (ttlMs === Number.POSITIVE_INFINITY) return 'never';
  const isWhole = typeof ttlMs === 'number' && Number.isInteger(ttlMs);
  if (isWhole && ttlMs >= 1 && ttlMs <= limits.rawTtlMsMax) return ttlMs;
  const range = `a whole number from 1 to ${limits.rawTtlMsMax}, or Infinity`;
  throw invalid(`ttlMs is to be ${range}, not ${String(ttlMs)}`);
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value;
}
