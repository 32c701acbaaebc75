import { limits } from '@tinykv/base';
import { inOneGo } from '../../command/in-one-go.js';
import { stepsOf } from '../../model/pace.js';
import { integer, type Reply, simple } from '../../resp/types.js';
import type { DataCall, DataHandler, Steps } from '../spec.js';

function* del({ argv, db }: DataCall): Steps {
  let removed = 0;
  for (const step of stepsOf(argv.slice(1))) {
    db.metas.want(step, true);
    if (step.length === limits.gatewayStepKeys || db.txn.isMissing) yield;
    for (const key of step) if (db.remove(key)) removed++;
  }
  return integer(removed);
}

function* exists({ argv, db }: DataCall): Steps {
  let there = 0;
  for (const step of stepsOf(argv.slice(1))) {
    db.metas.want(step, true);
    if (step.length === limits.gatewayStepKeys || db.txn.isMissing) yield;
    for (const key of step) if (db.isThere(key)) there++;
  }
  return integer(there);
}

function type({ argv, db }: DataCall): Reply {
  return simple(db.get(argv[1]!)?.type ?? 'none');
}

function ofKeys(name: string, steps: (call: DataCall) => Steps): DataHandler {
  return { kind: 'data', name, apply: inOneGo(steps), steps, headsOnly: true };
}

/** One key alone needs no transaction. */
function remover(name: string): DataHandler {
  return { ...ofKeys(name, del), oneKey: ({ length }) => (length === 2 ? 'changes' : undefined) };
}

export const keyspaceCommands: readonly DataHandler[] = [
  remover('del'),
  remover('unlink'),
  ofKeys('exists', exists),
  ofKeys('touch', exists),
  { kind: 'data', name: 'type', apply: type },
];
