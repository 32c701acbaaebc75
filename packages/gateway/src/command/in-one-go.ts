import type { DataCall, Steps } from '../commands/spec.js';
import { NEEDS_MORE } from '../model/loads.js';
import type { Reply } from '../resp/types.js';

/** The steps of a command of many keys as one synchronous step. */
export function inOneGo<P>(
  steps: (call: DataCall, plan: P) => Steps,
): (call: DataCall, plan: P) => Reply {
  return (call, plan) => {
    const running = steps(call, plan);
    for (;;) {
      const next = running.next();
      if (next.done === true) return next.value;
      if (call.db.txn.isMissing) throw NEEDS_MORE;
    }
  };
}
