import { EMPTY_BYTES, type Env, limits } from '@tinykv/base';
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
  table.serve(tinykvtxn.Txn.detectDeadlock, (q, caller) =>
    respond(access.acquireRead(contextOf(q, caller), [DETECTOR_KEY]), ({ region, term }) => {
      if (leadership !== `${region.id}/${term}`) graph.clear();
      leadership = `${region.id}/${term}`;
      return detect(graph, q, env.clock.mono());
    }),
  );
}

function detect(
  graph: WaitForGraph,
  { ended, waits }: tinykvtxn.DetectDeadlockRequest,
  nowMs: number,
): Init<tinykvtxn.DetectDeadlockResponse> {
  for (const wait of ended) graph.remove(wait);
  const deadlocks = waits.flatMap((wait) => {
    const cycle = graph.add(wait, nowMs);
    return cycle === undefined ? [] : [{ wait, waitChain: [...cycle] }];
  });
  return { deadlocks };
}
