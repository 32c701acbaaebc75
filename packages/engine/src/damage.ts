import { errorMessage, KvError } from '@tinykv/base';

/** The error that keeps a folder closed: which file, where, what. */
export function damage(file: string, what: string, cause?: unknown): KvError {
  const why = cause === undefined ? '' : `: ${errorMessage(cause)}`;
  return new KvError('DATA_LOSS', `${file} is damaged: ${what}${why} (see docs/errors.md)`, {
    cause,
  });
}
