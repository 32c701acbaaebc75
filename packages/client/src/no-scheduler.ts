import { type Env, KvError } from '@tinykv/base';
import { tinykvpb } from '@tinykv/proto';

const PROBE_TIMEOUT_MS = 1_000;

/** The error for a user when none of the addresses leads to a scheduler; `failure` is what the last one ended with. */
export async function noScheduler(
  env: Env,
  addresses: readonly string[],
  failure: KvError,
): Promise<KvError> {
  const where = addresses.join(', ');
  const options = { cause: failure };
  switch (failure.code) {
    case 'UNIMPLEMENTED': {
      const kind = await kindOf(env, addresses.at(-1)!);
      const text = `${addresses.at(-1)} is ${kind}: a scheduler is needed, whose port is 2379 by default`;
      return new KvError('FAILED_PRECONDITION', text, options);
    }
    case 'UNAVAILABLE':
    case 'DEADLINE_EXCEEDED': {
      const reason = /^\S+ at \S+: (.*)$/s.exec(failure.message)?.[1] ?? failure.message;
      const text = `cannot reach the scheduler at ${where}; is it running? (${reason})`;
      return new KvError(failure.code, text, options);
    }
    default:
      return failure;
  }
}

/** A server that knows no method of a scheduler: a store answers a read, if only by refusing it. */
async function kindOf(env: Env, address: string): Promise<string> {
  const { path, request } = tinykvpb.TinyKv.rawGet;
  try {
    await env.net.call(address, path, request.encode({}), { timeoutMs: PROBE_TIMEOUT_MS });
    return 'a store, not a scheduler';
  } catch (error) {
    if (!(error instanceof KvError)) throw error;
    const isUnknown = error.code === 'UNIMPLEMENTED' || error.code === 'UNAVAILABLE';
    return isUnknown ? 'no scheduler' : 'a store, not a scheduler';
  }
}
