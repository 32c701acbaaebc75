import { integer, type Reply, simple } from '../../resp/types.js';
import type { CommandSpec, DataCall } from '../spec.js';

const ALL_KEYS = { first: 1, last: -1, step: 1 } as const;

async function del(call: DataCall): Promise<Reply> {
  const keys = call.argv.slice(1);
  await call.db.getMany(keys);
  let removed = 0;
  for (const key of keys) if (call.db.remove(key)) removed++;
  return integer(removed);
}

async function exists(call: DataCall): Promise<Reply> {
  const metas = await call.db.getMany(call.argv.slice(1));
  return integer(metas.filter((meta) => meta !== undefined).length);
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
