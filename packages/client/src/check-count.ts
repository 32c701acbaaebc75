import { KvError } from '@tinykv/base';

/** Throws KvError INVALID_ARGUMENT for what is given and is no number from 0 on. */
export function checkCount(value: unknown, name: string): void {
  if (value === undefined || (typeof value === 'number' && value >= 0)) return;
  throw invalid(`${name} is to be a number from 0 on, not ${String(value)}`);
}

export function invalid(text: string): KvError {
  return new KvError('INVALID_ARGUMENT', text);
}
