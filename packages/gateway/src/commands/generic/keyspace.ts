import { limits } from '@tinykv/base';
import { stepsOf } from '../../model/pace.js';
import { integer, type Reply, simple } from '../../resp/types.js';
import type { CommandSpec, DataCall } from '../spec.js';

const ALL_KEYS = { first: 1, last: -1, step: 1 } as const;

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

export const keyspaceCommands: readonly CommandSpec[] = [
  {
    kind: 'data',
    name: 'del',
    arity: -2,
    flags: ['write'],
    group: 'generic',
    keys: ALL_KEYS,
    run: del,
  },
  {
    kind: 'data',
    name: 'unlink',
    arity: -2,
    flags: ['write', 'fast'],
    group: 'generic',
    keys: ALL_KEYS,
    run: del,
  },
  {
    kind: 'data',
    name: 'exists',
    arity: -2,
    flags: ['readonly', 'fast'],
    group: 'generic',
    keys: ALL_KEYS,
    run: exists,
  },
  {
    kind: 'data',
    name: 'touch',
    arity: -2,
    flags: ['readonly', 'fast'],
    group: 'generic',
    keys: ALL_KEYS,
    run: exists,
  },
  {
    kind: 'data',
    name: 'type',
    arity: 2,
    flags: ['readonly', 'fast'],
    group: 'generic',
    keys: { first: 1, last: 1, step: 1 },
    run: type,
  },
];
