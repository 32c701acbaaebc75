import { KvError } from '@tinykv/base';

/** The builder was given what does not fit together, or does not fit to what the root folder holds. */
export class KvsConfigError extends KvError {
  override readonly name = 'KvsConfigError';

  constructor(message: string) {
    super('INVALID_ARGUMENT', message);
  }
}

/** A process of the server did not come up in time, or has ended while the server started. */
export class KvsStartError extends KvError {
  override readonly name = 'KvsStartError';

  constructor(message: string) {
    super('UNAVAILABLE', message);
  }
}
