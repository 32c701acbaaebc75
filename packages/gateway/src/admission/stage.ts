import type { CommandSpec } from '../commands/spec.js';
import type { Request } from '../resp/request.js';
import type { Reply } from '../resp/types.js';

/** The part of a session that stages see. */
export interface AdmissionSession {
  readonly transaction: { readonly active: boolean };
}

/** `pass`: the next stage decides. `queue`: EXEC runs the command. A reply refuses the request. */
export type Verdict = 'pass' | 'queue' | Reply;

/** One condition of taking a request. Contract: changes nothing, since a request that has to wait is asked for again. */
export type Stage = (spec: CommandSpec, argv: Request, session: AdmissionSession) => Verdict;
