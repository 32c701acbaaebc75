import { KvError } from '@tinykv/base';

/** Bytes that are no message of their type, or a message that its type cannot carry. */
export class ProtoError extends KvError {
  override readonly name = 'ProtoError';
  /** `kvrpcpb.Context.region_id`, or the message's name when no single field is to blame. */
  readonly field: string;

  constructor(field: string, reason: string, options?: { cause?: unknown }) {
    super('INVALID_ARGUMENT', `${field}: ${reason}`, options);
    this.field = field;
  }
}
