import { type ServiceError, status } from '@grpc/grpc-js';
import { errorMessage, KvError, type KvErrorCode, type Logger, type NetError } from '@tinykv/base';

const statusOf: Readonly<Record<KvErrorCode, status>> = {
  UNAVAILABLE: status.UNAVAILABLE,
  DEADLINE_EXCEEDED: status.DEADLINE_EXCEEDED,
  CANCELLED: status.CANCELLED,
  INVALID_ARGUMENT: status.INVALID_ARGUMENT,
  NOT_FOUND: status.NOT_FOUND,
  FAILED_PRECONDITION: status.FAILED_PRECONDITION,
  RESOURCE_EXHAUSTED: status.RESOURCE_EXHAUSTED,
  UNIMPLEMENTED: status.UNIMPLEMENTED,
  INTERNAL: status.INTERNAL,
  UNKNOWN: status.UNKNOWN,
  DATA_LOSS: status.DATA_LOSS,
};

const codeOf: ReadonlyMap<number, KvErrorCode> = new Map<number, KvErrorCode>([
  ...(Object.entries(statusOf) as [KvErrorCode, status][]).map(
    ([code, value]): [number, KvErrorCode] => [value, code],
  ),
  // Codes that we never send; other servers may.
  [status.ALREADY_EXISTS, 'FAILED_PRECONDITION'],
  [status.PERMISSION_DENIED, 'FAILED_PRECONDITION'],
  [status.UNAUTHENTICATED, 'FAILED_PRECONDITION'],
  [status.ABORTED, 'FAILED_PRECONDITION'],
  [status.OUT_OF_RANGE, 'INVALID_ARGUMENT'],
]);

/** The message travels in a header, which has a limit of its own. */
const MESSAGE_CHARS_MAX = 2_048;

/** What grpc-js takes for the end of a call. */
export interface CallStatus {
  readonly code: status;
  readonly details: string;
}

export function toStatus(error: NetError): CallStatus {
  // A lone surrogate cannot be percent-encoded.
  const details = Buffer.from(error.message.slice(0, MESSAGE_CHARS_MAX)).toString();
  return { code: statusOf[error.code], details };
}

/** What a handler threw, as the caller is to see it. */
export function handlerError(error: unknown): NetError {
  if (error instanceof KvError) return error;
  return { code: 'INTERNAL', message: errorMessage(error) };
}

/** A KvError is an answer; anything else is a fault of ours, of which the other side learns little. */
export function logUnexpected(logger: Logger, method: string, error: unknown): void {
  if (error instanceof KvError) return;
  const stack = error instanceof Error ? error.stack : undefined;
  logger.error('a handler failed', { method, error: errorMessage(error), stack });
}

/**
 * grpc-js's words for a call that was cut off, as by a connection that broke, without the other side
 * telling how it went; it makes CANCELLED or INTERNAL of that.
 */
const RESET = /^(Call cancelled$|Received RST_STREAM with code)/;

/** What a call ended with, as the client is to see it. */
export function fromServiceError(error: ServiceError, what: string): KvError {
  const code = RESET.test(error.details) ? 'UNAVAILABLE' : (codeOf.get(error.code) ?? 'UNKNOWN');
  const isLocal = code === 'UNAVAILABLE' || code === 'DEADLINE_EXCEEDED';
  return new KvError(code, `${what}: ${isLocal ? plainWords(error.details) : error.details}`);
}

/** Parts of grpc-js's words, and what a user should read instead. */
const PLAIN: readonly (readonly [RegExp, string])[] = [
  [/ECONNREFUSED/, 'connection refused'],
  [/ENOTFOUND|EAI_AGAIN|Name resolution failed/, 'no such host'],
  [/EHOSTUNREACH|ENETUNREACH|ETIMEDOUT/, 'the host is out of reach'],
  [/^Deadline exceeded/, 'no answer in time'],
  [
    /Protocol error|HPE_|ECONNRESET|socket hang up|Connection dropped/,
    'the connection was dropped',
  ],
];

/** Why a connection failed, without the names of a library's parts. */
function plainWords(details: string): string {
  return PLAIN.find(([pattern]) => pattern.test(details))?.[1] ?? details;
}
