import { errorMessage, KvError, type KvErrorCode } from '@tinykv/base';

/**
 * The KvError for anything that LevelDB, its binding or the file system threw. The binding wraps the
 * cause of a failed open, so the whole chain is looked at.
 */
export function storageError(error: unknown, what: string): KvError {
  if (error instanceof KvError) return error;
  const chain = causes(error);
  const codes = chain.map(codeOf);
  const text = chain.map(errorMessage).join(': ');
  if (codes.includes('LEVEL_LOCKED')) {
    return new KvError('FAILED_PRECONDITION', `${what}: the folder is in use by another process`, {
      cause: error,
    });
  }
  return new KvError(classify(codes, text), `${what}: ${text}`, { cause: error });
}

/** Whether LevelDB refused to open because its folder is locked. */
export function isLocked(error: unknown): boolean {
  return causes(error).some((cause) => codeOf(cause) === 'LEVEL_LOCKED');
}

function classify(codes: readonly (string | undefined)[], text: string): KvErrorCode {
  if (codes.includes('ENOSPC') || /no space left|disk quota exceeded/i.test(text)) {
    return 'RESOURCE_EXHAUSTED';
  }
  if (codes.includes('LEVEL_CORRUPTION')) return 'DATA_LOSS';
  // An operation after close; a failed open has the same code, but a cause under it.
  if (codes.length === 1 && codes[0]?.endsWith('_NOT_OPEN')) return 'FAILED_PRECONDITION';
  return 'INTERNAL';
}

function causes(error: unknown): unknown[] {
  const out: unknown[] = [];
  let at: unknown = error;
  while (at !== undefined && at !== null && !out.includes(at)) {
    out.push(at);
    at = at instanceof Error ? at.cause : undefined;
  }
  return out;
}

function codeOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
