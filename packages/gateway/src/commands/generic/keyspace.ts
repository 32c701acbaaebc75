import { limits } from '@tinykv/base';
import { stepsOf } from '../../model/pace.js';
import { integer, type Reply, simple } from '../../resp/types.js';
import type { DataCall, DataHandler } from '../spec.js';

async function del({ argv, db }: DataCall): Promise<Reply> {
  let removed = 0;
  for (const step of stepsOf(argv.slice(1))) {
    await db.areThere(step);
    for (const key of step) if (db.remove(key)) removed++;
    if (step.length === limits.gatewayStepKeys) await db.txn.pace.pause();
  }
  return integer(removed);
}

async function exists({ argv, db }: DataCall): Promise<Reply> {
  let there = 0;
  for (const step of stepsOf(argv.slice(1))) {
    for (const isThere of await db.areThere(step)) if (isThere) there++;
    if (step.length === limits.gatewayStepKeys) await db.txn.pace.pause();
  }
  return integer(there);
}

async function type(call: DataCall): Promise<Reply> {
  const meta = await call.db.get(call.argv[1]!);
  return simple(meta?.type ?? 'none');
}

export const keyspaceCommands: readonly DataHandler[] = [
  { kind: 'data', name: 'del', run: del },
  { kind: 'data', name: 'unlink', run: del },
  { kind: 'data', name: 'exists', run: exists },
  { kind: 'data', name: 'touch', run: exists },
  { kind: 'data', name: 'type', run: type },
];
