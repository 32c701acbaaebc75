import { composeTimestamp, type Timestamp } from '@tinykv/base';
import { invalid } from './check-count.js';

/**
 * The first timestamp of a moment, by the scheduler's clock: a snapshot at it sees what was committed before. Throws KvError
 * INVALID_ARGUMENT for a date before 1970, or that is none.
 */
export function timestampOf(date: Date): Timestamp {
  const ms = date.getTime();
  if (ms >= 0) return composeTimestamp(ms, 0);
  throw invalid(`there is no timestamp of the date ${String(date)}`);
}
