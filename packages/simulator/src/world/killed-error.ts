import { KvError } from '@tinykv/base';

/** Thrown at the fail point at which a process dies: what it was at ends there, and nobody has to take the error. */
export class KilledError extends KvError {
  constructor(point: string) {
    super('CANCELLED', `killed at ${point}`);
  }
}
