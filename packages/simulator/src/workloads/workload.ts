import { nextKey, type Rng } from '@tinykv/base';
import { BelowSafePointError, type Client, type Txn, type TxnOptions } from '@tinykv/client';
import type { Deadlines } from '../checkers/deadlines.js';
import type { ClientNode } from '../cluster/client-node.js';
import type { Cluster } from '../cluster/cluster.js';
import type { Tally } from '../run/tally.js';
import { OPERATION_TIMEOUT_MS } from './operation-timeout.js';
import { outcomeOf } from './outcome.js';
import { timedClient } from './timed-client.js';

export { OPERATION_TIMEOUT_MS };

/** What a workload is given to work with. */
export interface WorkloadContext {
  readonly cluster: Cluster;
  readonly rng: Rng;
  readonly tally: Tally;
  readonly deadlines: Deadlines;
  /** Mean pause of a client between two operations, in milliseconds. */
  readonly thinkMs: number;
  /** Above 1, the first keys are used more than the others. */
  readonly skew?: number;
  /** Ordinals of calls and returns: strictly increasing, so that real-time order is exact. */
  readonly tick: () => number;
  /** The steps that each client takes, by their numbers; the others are left out. All, when it is not given. */
  readonly steps?: readonly StepRange[];
  /** The greatest physical time, in milliseconds, of all timestamps that the scheduler has given out. */
  readonly schedulerMs: () => number;
  /** Clients finish what they are at and begin nothing new. */
  readonly stopping: () => boolean;
}

/** Steps from the first number on, without the second. */
export type StepRange = readonly [from: number, to: number];

/** So that a suite can tell that it has met the safe point. */
export function countRefusal({ tally }: WorkloadContext, error: unknown): void {
  if (error instanceof BelowSafePointError) tally.event('transaction below the safe point');
}

const DAWDLE_MAX_MS = 4_000;

/** Pause of a program that finds its client not connected yet. */
const PAUSE_MS_MIN = 0.5;
const PAUSE_MS_MAX = 20_000;
const NOT_UP_MS = 50;

/** Now and then a transaction takes its time, and some take more than the versions live that it reads. */
export async function dawdle({ cluster: { world } }: WorkloadContext, rng: Rng): Promise<void> {
  if (rng.float() < 0.1) await world.sleep(rng.float() * DAWDLE_MAX_MS, 'a slow transaction');
}

/**
 * Runs `step` again and again in a client's process until the run stops; resolves when it has. Each step draws from a
 * stream of its own, so that it is the same when others before it are left out.
 */
export async function loop(
  context: WorkloadContext,
  node: ClientNode,
  rng: Rng,
  step: (client: NonNullable<ClientNode['client']>, rng: Rng) => Promise<void>,
): Promise<void> {
  const { world } = context.cluster;
  for (let number = 0; !context.stopping(); ) {
    const { client, env } = node;
    if (client === undefined || env === undefined) {
      await world.sleep(NOT_UP_MS, 'client not up');
      continue;
    }
    const own = rng.fork(`step ${number}`);
    await new Promise<void>((resolve) => {
      env.clock.after(pauseMs(context, own), resolve);
    });
    if (context.stopping()) return;
    if (!isTaken(context, number++)) continue;
    const calledAt = world.now;
    await step(timedClient(client, node, context.deadlines), own);
    context.tally.inFlight(calledAt, world.now);
  }
}

/** A step with a client of its own, which has to ask where each Region is; none when the scheduler does not answer. */
export async function newcomer(
  context: WorkloadContext,
  node: ClientNode,
  step: (client: Client) => Promise<void>,
): Promise<void> {
  let client: Client | undefined;
  try {
    client = await node.connect();
  } catch (error) {
    outcomeOf(error);
  }
  if (client === undefined) return;
  await step(timedClient(client, node, context.deadlines));
  await client.close();
}

/** Clients that think for long must still end when all is healed, and time must pass for those that never do. */
function pauseMs({ thinkMs }: WorkloadContext, rng: Rng): number {
  return Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN - thinkMs * Math.log(1 - rng.float()));
}

function isTaken({ steps }: WorkloadContext, number: number): boolean {
  return steps === undefined || steps.some(([from, to]) => number >= from && number < to);
}

/** As {@link loop} in a client that is killed now and then: what it was at then ends with it. */
export async function mortalLoop(
  context: WorkloadContext,
  node: ClientNode,
  rng: Rng,
  step: (client: NonNullable<ClientNode['client']>, rng: Rng) => Promise<void>,
): Promise<void> {
  const { world } = context.cluster;
  for (let number = 0; !context.stopping(); number++) {
    const { client, env, proc } = node;
    if (client === undefined || env === undefined || proc === undefined || proc.dead) {
      await world.sleep(NOT_UP_MS, 'client not up');
      continue;
    }
    const own = rng.fork(`step ${number}`);
    const isLeftOut = !isTaken(context, number);
    await new Promise<void>((resolve) => {
      proc.onKill(resolve);
      env.clock.after(pauseMs(context, own), () => {
        if (isLeftOut) resolve();
        else step(client, own).then(resolve, resolve);
      });
    });
  }
}

/** Pessimistic transactions of all kinds; none waits for longer than others' operations take. */
export function pessimistic(rng: Rng): TxnOptions {
  const lockWaitMs = rng.float() < 0.1 ? 0 : OPERATION_TIMEOUT_MS;
  return { pessimistic: true, lockWaitMs, pipelined: rng.float() < 0.5 };
}

/** The values of keys under the locks of a pessimistic transaction, locked and read in one of the ways there are. */
export async function lockedRead(
  txn: Txn,
  keys: readonly Uint8Array[],
  rng: Rng,
): Promise<(Uint8Array | undefined)[]> {
  const way = rng.int(0, 4);
  const values: (Uint8Array | undefined)[] = [];
  if (way === 0) {
    for (const key of keys) values.push(await txn.getForUpdate(key));
    return values;
  }
  await txn.lockKeys(...keys);
  if (way === 1) return txn.batchGet(keys);
  for (const key of keys) {
    if (way === 2) values.push(await txn.get(key));
    else values.push((await txn.scan(key, { end: nextKey(key), limit: 1 }))[0]?.value);
  }
  return values;
}
