import { KvError } from '@tinykv/base';

/**
 * `fenced`: a start under the same store id has taken over that this folder has not seen. `elsewhere`: a process with
 * the same store id serves at another address. `perhaps`: it did so not long ago; ask again.
 */
export type StoreRefusal = 'fenced' | 'elsewhere' | 'perhaps';

const WAYS_OUT: Readonly<Record<StoreRefusal, string>> = {
  fenced:
    'this folder is the older copy and must not be used any more; to add a store, start it with an empty folder',
  elsewhere:
    'this folder is a copy; to add a store, start it with an empty folder; to move this one, stop the other first',
  perhaps: 'a store that moves is taken in once its old address has been silent for some time',
};

/** A process must not go on under its store id: another one has it. */
export class StoreRefusedError extends KvError {
  override readonly name = 'StoreRefusedError';
  readonly refusal: StoreRefusal;
  /** Which process has the store id. */
  readonly fact: string;

  constructor(refusal: StoreRefusal, fact: string) {
    super('FAILED_PRECONDITION', `${fact}: ${WAYS_OUT[refusal]} (see docs/errors.md)`);
    this.refusal = refusal;
    this.fact = fact;
  }
}
