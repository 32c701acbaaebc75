import type { CommandSpec } from '../commands/spec.js';
import type { Request } from '../resp/request.js';
import { error, type Reply } from '../resp/types.js';
import type { AdmissionSession, Verdict } from './stage.js';

const NOT_IN_MULTI: Reply = error('ERR Command not allowed inside a transaction');

/** After MULTI commands are queued, but for those that end or change it. */
export function queueing(
  { facts, passesMulti }: CommandSpec,
  _argv: Request,
  { transaction }: AdmissionSession,
): Verdict {
  if (!transaction.active) return 'pass';
  if (facts.flags.includes('no_multi')) return NOT_IN_MULTI;
  return passesMulti ? 'pass' : 'queue';
}
