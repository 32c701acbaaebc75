import { assert, limits } from '@tinykv/base';
import type { DataCall, DataCommand, GatewayState, SessionState, Steps } from '../commands/spec.js';
import { NEEDS_MORE } from '../model/loads.js';
import type { RedisTxn } from '../model/redis-txn.js';
import type { Request } from '../resp/request.js';
import type { Reply } from '../resp/types.js';

/** A command with its arguments, and what they alone tell. */
export interface Invocation {
  readonly spec: DataCommand;
  readonly argv: Request;
  readonly plan: unknown;
  readonly session: SessionState;
  readonly gateway: GatewayState;
}

/**
 * Runs a command on a database in a transaction: one door for single commands, EXEC, and whatever else runs commands. Costs a
 * promise only when something has to be loaded.
 */
export function invoke(invocation: Invocation, txn: RedisTxn, db: number): Reply | Promise<Reply> {
  txn.loads.clear();
  const call = callOf(invocation, txn, db);
  const { spec, argv, plan } = invocation;
  if (spec.steps !== undefined && argv.length > limits.gatewayStepKeys) {
    return runSteps(spec.steps(call, plan), txn);
  }
  const writesBefore = txn.writeCount;
  try {
    return spec.apply(call, plan);
  } catch (failure) {
    if (failure !== NEEDS_MORE) throw failure;
    assert(txn.writeCount === writesBefore, () => `${spec.name} writes before it has read`);
    return loadAndRun(invocation, call);
  }
}

/** Runs the step on what is loaded. Throws NEEDS_MORE when that is not enough. */
export function applyNow(
  { spec, argv, plan, session, gateway }: Invocation,
  txn: RedisTxn,
  db: number,
): Reply {
  return spec.apply({ argv, session, gateway, db: txn.database(db) }, plan);
}

function callOf({ argv, session, gateway }: Invocation, txn: RedisTxn, db: number): DataCall {
  return { argv, session, gateway, db: txn.database(db) };
}

async function loadAndRun({ spec, plan }: Invocation, call: DataCall): Promise<Reply> {
  const { txn } = call.db;
  await txn.load();
  return txn.run(() => spec.apply(call, plan));
}

async function runSteps(steps: Steps, txn: RedisTxn): Promise<Reply> {
  for (;;) {
    const next = steps.next();
    if (next.done === true) return next.value;
    await txn.load();
    await txn.pace.pause();
  }
}
