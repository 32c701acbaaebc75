import type { Timestamp } from '@tinykv/base';

/** What a function has returned, and the commit of its transaction. */
export interface Committed<T> {
  readonly result: T;
  /** Undefined: the function has rolled back. Of a transaction that wrote nothing: its start. */
  readonly commitTs: Timestamp | undefined;
}
