import { CodecError, type Env, errorMessage } from '@tinykv/base';
import { UNREADABLE_RECORD } from './commands/errors.js';
import type { GatewayStats } from './commands/spec.js';
import { GatewayKvError } from './kv-port.js';
import { error, type Reply } from './resp/types.js';

export const BUSY: Reply = error('BUSY the gateway has too many commands waiting, please retry');
export const CONFLICT: Reply = error('ERR transaction conflict, please retry');
export const UNDETERMINED: Reply = error('ERR commit result unknown');

/** A command whose time ended before its commit was begun. */
export function lateReply(timeoutMs: number): Reply {
  return error(`CLUSTERDOWN Nothing was applied: the command took over ${timeoutMs} ms`);
}

/** What a failure of the store means to a client. Anything else is a bug and goes up. */
export function replyTo(failure: unknown, env: Env, stats: GatewayStats): Reply {
  if (failure instanceof CodecError) {
    env.logger.error('stored record is not readable', { error: failure.message });
    return UNREADABLE_RECORD;
  }
  if (!(failure instanceof GatewayKvError)) throw failure;
  switch (failure.failure) {
    case 'conflict':
      return CONFLICT;
    case 'undetermined':
      stats.txnUndetermined++;
      return UNDETERMINED;
    case 'too-large':
      return error(`ERR ${failure.message}`);
    case 'unavailable':
      env.logger.debug('store is unavailable', { error: errorMessage(failure) });
      return error(`CLUSTERDOWN The store is unavailable, nothing was applied: ${failure.message}`);
  }
}
