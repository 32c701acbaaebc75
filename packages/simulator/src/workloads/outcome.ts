import { KvError } from '@tinykv/base';
import { UndeterminedError } from '@tinykv/client';
import { KilledError } from '../world/killed-error.js';

/** What a client knows of an operation: `fail` certainly had no effect. */
export type Outcome = 'ok' | 'fail' | 'unknown';

/**
 * The outcome that an error of `@tinykv/client` stands for; anything but a KvError is a bug of the product. A client that dies
 * in the middle of a call knows nothing.
 */
export function outcomeOf(error: unknown): 'fail' | 'unknown' {
  if (error instanceof UndeterminedError || error instanceof KilledError) return 'unknown';
  if (error instanceof KvError) return 'fail';
  throw error;
}
