import { type Anomalies, nameOf } from './anomalies.js';
import type { Edge, EdgeKind } from './dependencies.js';
import { Graph } from './graph.js';
import type { Txn } from './txn-facts.js';

/** Nodes of a component from which a short cycle is looked for. */
const TRIES = 200;

/** From the gravest to the slightest: each pass looks among more kinds of edges than the one before. */
const passes: readonly ReadonlySet<EdgeKind>[] = [
  new Set<EdgeKind>(['ww']),
  new Set<EdgeKind>(['ww', 'wr']),
  new Set<EdgeKind>(['ww', 'wr', 'rw']),
  new Set<EdgeKind>(['ww', 'wr', 'rt']),
  new Set<EdgeKind>(['ww', 'wr', 'rw', 'rt']),
];

/**
 * Adds the cycles that snapshot isolation forbids: all but those in which two `rw` edges follow each
 * other. For `ww`, `wr` and `rt` say that one committed before the other began, and `rw` that one began
 * before the other committed; so an `rw` with any other edge after it leads to a later begin.
 *
 * A transaction that locks what it reads reads as if it began when it commits. So two `rw` edges may not follow
 * each other over it either, and among such transactions alone no cycle is allowed: they are serializable.
 */
export function findCycles(
  txns: readonly Txn[],
  edges: readonly Edge[],
  anomalies: Anomalies,
): void {
  const all = new Walks(txns.length, edges).components();
  if (all.length === 0) return;
  const suspects = new Set(all.flat().map((node) => node >> 1));
  const among = edges.filter(({ from, to }) => suspects.has(from.node) && suspects.has(to.node));
  for (const [i, kinds] of passes.entries()) {
    const walks = new Walks(
      txns.length,
      among.filter(({ kind }) => kinds.has(kind)),
    );
    const known = passes.slice(0, i);
    for (const component of walks.components()) {
      const cycle = walks.shortestCycle(component);
      const isKnown = known.some((earlier) => cycle.every(({ kind }) => earlier.has(kind)));
      if (!isKnown) report(cycle, anomalies);
    }
  }
}

/**
 * Walks without two `rw` edges in a row, as a graph in which every transaction stands twice: as reached
 * by an `rw` edge (odd), which must not be left by one unless it locks, and as reached otherwise (even).
 */
class Walks {
  readonly #edges: Edge[] = [];
  readonly #graph: Graph;

  constructor(txns: number, edges: readonly Edge[]) {
    const from: number[] = [];
    const to: number[] = [];
    for (const edge of edges) {
      const isRw = edge.kind === 'rw';
      for (const side of isRw && edge.from.record.locking !== true ? [0] : [0, 1]) {
        from.push(2 * edge.from.node + side);
        to.push(2 * edge.to.node + (isRw ? 1 : 0));
        this.#edges.push(edge);
      }
    }
    this.#graph = new Graph(2 * txns, from, to);
  }

  components(): number[][] {
    return this.#graph.components();
  }

  shortestCycle(component: readonly number[]): Edge[] {
    return this.#graph.shortestCycle(component, TRIES).map((edge) => this.#edges[edge]!);
  }
}

function report(cycle: readonly Edge[], anomalies: Anomalies): void {
  const path = cycle.map(({ from, kind, key }) => {
    const label = key === undefined ? kind : `${kind} ${key}`;
    return `${nameOf(from)} -(${label})→`;
  });
  const message = `${path.join(' ')} ${nameOf(cycle[0]!.from)}`;
  anomalies.add(
    classify(cycle),
    message,
    cycle.map(({ from }) => from),
  );
}

/** The names of Adya, and of Elle where real time is needed to see it. */
function classify(cycle: readonly Edge[]): string {
  const has = (wanted: EdgeKind): number => cycle.filter(({ kind }) => kind === wanted).length;
  const suffix = has('rt') > 0 ? '-realtime' : '';
  if (cycle.every(({ from }) => from.record.locking === true) && has('rw') > 1) {
    return `G2-locking${suffix}`;
  }
  if (has('rw') > 1) return `G-nonadjacent${suffix}`;
  if (has('rw') === 1) return `G-single${suffix}`;
  return has('wr') > 0 ? `G1c${suffix}` : `G0${suffix}`;
}
