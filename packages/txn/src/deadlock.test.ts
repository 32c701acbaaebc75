import { limits, utf8 } from '@tinykv/base';
import type { WaitForEdge } from '@tinykv/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WaitForGraph } from './deadlock.js';

const TTL_MS = 100;
const wait = (txn: number, waitForTxn: number, key = 'k'): WaitForEdge => ({
  txn: BigInt(txn),
  waitForTxn: BigInt(waitForTxn),
  key: utf8(key),
});
const text = (cycle: readonly WaitForEdge[] | undefined): string =>
  cycle?.map(({ txn, waitForTxn }) => `${txn}>${waitForTxn}`).join(' ') ?? 'none';

describe('the graph of waits', () => {
  it('reports the cycle that a wait would close, from that wait on', () => {
    const graph = new WaitForGraph(TTL_MS, 100);
    for (const [a, b] of [
      [2, 3],
      [3, 4],
      [3, 9],
      [9, 8],
    ] as const) {
      expect(graph.add(wait(a, b), 0)).toBeUndefined();
    }
    expect(text(graph.add(wait(4, 2), 0))).toBe('4>2 2>3 3>4');
    // It was not taken in.
    expect(graph.edges).toBe(4);
    expect(text(graph.add(wait(2, 4), 0))).toBe('none');
  });

  it('follows a chain so far, and ignores the wait beyond: a time-out ends it', () => {
    const graph = new WaitForGraph(TTL_MS, 100_000);
    const { deadlockSearchEdgesMax } = limits;
    for (let i = deadlockSearchEdgesMax + 1; i > 0; i--) graph.add(wait(i + 1, i), 0);
    expect(graph.edges).toBe(deadlockSearchEdgesMax + 1);
    const before = graph.searched;
    expect(graph.add(wait(1, deadlockSearchEdgesMax + 2), 0)).toBeUndefined();
    expect(graph.edges, 'a cycle is not taken in').toBe(deadlockSearchEdgesMax + 1);
    expect(graph.searched - before).toBe(deadlockSearchEdgesMax + 1);
    expect(graph.add(wait(1, deadlockSearchEdgesMax + 1), 0)).toHaveLength(
      deadlockSearchEdgesMax + 1,
    );
  });

  it('forgets a wait that is over, or that nobody has told again', () => {
    const graph = new WaitForGraph(TTL_MS, 100);
    graph.add(wait(1, 2), 0);
    graph.remove(wait(1, 2));
    expect(text(graph.add(wait(2, 1), 0))).toBe('none');
    expect(text(graph.add(wait(1, 2), TTL_MS - 1))).toBe('1>2 2>1');
    expect(text(graph.add(wait(1, 2), TTL_MS))).toBe('none');
    // Told again while it lasts it goes on.
    graph.add(wait(1, 2), TTL_MS + 60);
    expect(text(graph.add(wait(2, 1), 2 * TTL_MS + 50))).toBe('2>1 1>2');
  });

  it('knows two waits of one transaction apart by their keys', () => {
    const graph = new WaitForGraph(TTL_MS, 100);
    graph.add(wait(1, 2, 'a'), 0);
    graph.add(wait(1, 2, 'b'), 0);
    graph.remove(wait(1, 2, 'a'));
    expect(text(graph.add(wait(2, 1), 0))).toBe('2>1 1>2');
  });

  it('takes in no more than its limit, but makes room of what has expired', () => {
    const graph = new WaitForGraph(TTL_MS, 2);
    graph.add(wait(1, 2), 0);
    graph.add(wait(3, 4), 0);
    graph.add(wait(5, 6), 0);
    expect(graph.edges).toBe(2);
    graph.add(wait(5, 6), TTL_MS);
    expect(graph.edges).toBe(1);
  });

  it('has no cycle, and refuses only what would make one', () => {
    const edge = fc.tuple(fc.nat(6), fc.nat(6)).filter(([a, b]) => a !== b);
    const step = fc.record({ edge, ends: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const graph = new WaitForGraph(TTL_MS, 1_000);
        const edges = new Set<string>();
        const reaches = (from: number, to: number, seen = new Set<number>()): boolean => {
          if (from === to) return true;
          if (seen.has(from)) return false;
          seen.add(from);
          return [...edges].some((e) => {
            const [a, b] = e.split('>').map(Number);
            return a === from && reaches(b!, to, seen);
          });
        };
        for (const {
          edge: [a, b],
          ends,
        } of steps) {
          if (ends) {
            graph.remove(wait(a, b));
            edges.delete(`${a}>${b}`);
            continue;
          }
          const closes = reaches(b, a);
          const cycle = graph.add(wait(a, b), 0);
          expect(cycle !== undefined).toBe(closes);
          if (!closes) edges.add(`${a}>${b}`);
          for (const [i, { waitForTxn }] of (cycle ?? []).entries()) {
            expect(waitForTxn).toBe(cycle![(i + 1) % cycle!.length]!.txn);
          }
        }
        expect(graph.edges).toBe(edges.size);
      }),
    );
  });
});
