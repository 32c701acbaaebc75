import type { Timestamp } from '@tinykv/base';

/** The result of a function, and the commit of its transaction. */
export interface Committed<T> {
  readonly result: T;
  /** Undefined: the function has rolled back. A transaction that wrote nothing has its start here. */
  readonly commitTs: Timestamp | undefined;
}
