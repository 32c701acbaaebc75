import { Prng } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { Graph } from './graph.js';

function graph(size: number, ...edges: (readonly [number, number])[]): Graph {
  return new Graph(
    size,
    edges.map(([from]) => from),
    edges.map(([, to]) => to),
  );
}

function sorted(components: readonly number[][]): number[][] {
  return components.map((one) => one.sort((a, b) => a - b)).sort((a, b) => a[0]! - b[0]!);
}

describe('a graph', () => {
  it('without a cycle has no components', () => {
    expect(graph(4, [0, 1], [1, 2], [0, 2], [2, 3]).components()).toEqual([]);
  });

  it('has a component for each knot of cycles', () => {
    const knots = graph(7, [0, 1], [1, 0], [1, 2], [2, 3], [3, 4], [4, 2], [4, 5], [5, 6]);
    expect(sorted(knots.components())).toEqual([
      [0, 1],
      [2, 3, 4],
    ]);
  });

  it('finds a shortest cycle, edge by edge', () => {
    const edges = [
      [0, 1],
      [1, 2],
      [2, 3],
      [3, 0],
      [2, 4],
      [4, 2],
    ] as const;
    const knot = graph(5, ...edges);
    const cycle = knot.shortestCycle(knot.components()[0]!, 10);
    expect(cycle.map((edge) => edges[edge]).sort()).toEqual([
      [2, 4],
      [4, 2],
    ]);
  });

  it('agrees with reachability, node by node', () => {
    const rng = new Prng('graphs');
    for (let round = 0; round < 200; round++) {
      const size = rng.int(2, 9);
      const edges = Array.from(
        { length: rng.int(1, 14) },
        () => [rng.int(0, size), rng.int(0, size)] as const,
      ).filter(([from, to]) => from !== to);
      const reaches = Array.from({ length: size }, (_, from) => {
        const seen = new Set([from]);
        for (const node of seen) for (const [a, b] of edges) if (a === node) seen.add(b);
        return seen;
      });
      const expected = reaches.map((seen, from) =>
        [...seen].filter((to) => reaches[to]!.has(from)),
      );
      const knots = new Set(
        expected.filter((one) => one.length > 1).map((one) => one.sort((a, b) => a - b).join()),
      );
      expect(new Set(sorted(graph(size, ...edges).components()).map((one) => one.join()))).toEqual(
        knots,
      );
    }
  });

  it('is not deep for a long chain', () => {
    const size = 200_000;
    const from = Array.from({ length: size }, (_, i) => i);
    const ring = new Graph(
      size,
      from,
      from.map((i) => (i + 1) % size),
    );
    expect(ring.components()[0]).toHaveLength(size);
  });
});
