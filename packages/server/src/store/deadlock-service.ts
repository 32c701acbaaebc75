import { type Caller, EMPTY_BYTES, type Env, KvError, limits } from '@tinykv/base';
import type { RegionAccess } from '@tinykv/model';
import { type Init, tinykvtxn } from '@tinykv/proto';
import { WaitForGraph } from '@tinykv/txn';
import { contextOf } from './txn-wire.js';
import { respond, type UnaryTable } from './unary.js';

/** A wait that has not been told again for so long is over, or its store is. */
export const WAIT_TTL_MS = 2_000;

/** The keys of all transactions' waits come together where this one is. */
export const DETECTOR_KEY: Uint8Array = EMPTY_BYTES;

/**
 * The cluster's detector of deadlocks: whoever leads the Region of the empty key. A new leader, or the old
 * one in a new term, begins with an empty graph, which fills as stores tell their waits again.
 */
export function serveDeadlocks(table: UnaryTable, env: Env, access: RegionAccess): void {
  const graph = new WaitForGraph(WAIT_TTL_MS, limits.waitForEdgesMax);
  let leadership = '';
  const turn = (): Promise<void> => new Promise((resolve) => env.clock.defer(resolve));
  table.serve(tinykvtxn.Txn.detectDeadlock, (q, caller) => {
    checkRequest(q);
    return respond(access.acquireRead(contextOf(q, caller), [DETECTOR_KEY]), ({ region, term }) => {
      if (leadership !== `${region.id}/${term}`) graph.clear();
      leadership = `${region.id}/${term}`;
      return detect(graph, q, { nowMs: env.clock.mono(), caller, turn });
    });
  });
}

interface Detection {
  readonly nowMs: number;
  readonly caller: Caller;
  turn(): Promise<void>;
}

/** Each wait is one step of the graph, so that others may tell theirs between two. */
async function detect(
  graph: WaitForGraph,
  { ended, waits }: tinykvtxn.DetectDeadlockRequest,
  { nowMs, caller, turn }: Detection,
): Promise<Init<tinykvtxn.DetectDeadlockResponse>> {
  for (const wait of ended) graph.remove(wait);
  const deadlocks: tinykvtxn.DeadlockFoundInit[] = [];
  let partEdges = 0;
  let edges = 0;
  for (const wait of waits) {
    if (partEdges >= limits.deadlockPartEdges) {
      partEdges = 0;
      await turn();
      if (caller.isGone === true) throw new KvError('CANCELLED', 'the client is gone');
    }
    if (edges >= limits.deadlockRequestEdgesMax) break;
    const before = graph.searched;
    const cycle = graph.add(wait, nowMs);
    // A cycle is looked at once more, to be answered.
    const looked = graph.searched - before + (cycle?.length ?? 0);
    partEdges += looked;
    edges += looked;
    if (cycle !== undefined) deadlocks.push({ wait, waitChain: [...cycle] });
  }
  return { deadlocks };
}

/** Throws INVALID_ARGUMENT for what no store sends. */
function checkRequest({ ended, waits }: tinykvtxn.DetectDeadlockRequest): void {
  const count = ended.length + waits.length;
  if (count > limits.deadlockWaitsMax) {
    const text = `${count} waits in one request: the most is ${limits.deadlockWaitsMax}`;
    throw new KvError('INVALID_ARGUMENT', text);
  }
  const longest = waits.reduce((most, { key }) => Math.max(most, key.length), 0);
  if (longest > limits.keyBytesMax) {
    throw new KvError('INVALID_ARGUMENT', `a wait for a key of ${longest} bytes`);
  }
}
