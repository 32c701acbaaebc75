import type { CommandSpec } from '../commands/spec.js';
import type { Request } from '../resp/request.js';
import { arity } from './arity.js';
import { keyLength } from './key-length.js';
import { plainArguments } from './plain-arguments.js';
import { queueing } from './queueing.js';
import type { AdmissionSession, Stage, Verdict } from './stage.js';

/** The stages that a request passes before its command begins, in the order in which Redis checks it. */
const stages: readonly Stage[] = [arity, plainArguments, keyLength, queueing];

/** The word of the first stage that does not let the request pass. */
export function admit(spec: CommandSpec, argv: Request, session: AdmissionSession): Verdict {
  for (let i = 0; i < stages.length; i++) {
    const verdict = stages[i]!(spec, argv, session);
    if (verdict !== 'pass') return verdict;
  }
  return 'pass';
}
