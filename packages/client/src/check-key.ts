import { KvError, limits } from '@tinykv/base';

/** Throws KvError INVALID_ARGUMENT for a key that no store takes. */
export function checkKey(key: Uint8Array): void {
  if (key.length === 0 || key.length > limits.keyBytesMax) {
    const text = `a key of ${key.length} bytes is not between 1 and ${limits.keyBytesMax}`;
    throw new KvError('INVALID_ARGUMENT', text);
  }
}
