import { describe, expect, it } from 'vitest';
import type { RoundFigures } from './figures.js';
import { chooseRounds, foreignCores, isVoid, needsAnother, type Round } from './rounds.js';
import { cpuRatioOf, medianFigures, ratioOf, rowFigures } from './row-figures.js';
import { ROWS } from './rows.js';

const RULE = { rounds: 2, maxForeign: 0.2 };

function side(operationsPerSecond: number, foreign = 0): RoundFigures {
  return {
    operationsPerSecond,
    p50Ms: 100 / operationsPerSecond,
    p99Ms: 1,
    foreignCores: foreign,
    cpuMicros: { client: 10, 'store-1': operationsPerSecond },
    fsyncs: undefined,
    writes: 1,
    clientWrites: 1,
  };
}

function round(ours: number, peer: number, foreign = 0): Round {
  return { ours: side(ours, foreign), peer: side(peer) };
}

describe('void rounds', () => {
  it('are those in which others used more than they may during either side', () => {
    expect(isVoid(round(1, 1, 0.2), RULE)).toBe(false);
    expect(isVoid(round(1, 1, 0.21), RULE)).toBe(true);
    const duringPeer = { ours: side(1), peer: side(1, 0.3) };
    expect(foreignCores(duringPeer)).toBe(0.3);
    expect(isVoid(duringPeer, RULE)).toBe(true);
  });

  it('are repeated, as many times again as there shall be rounds', () => {
    const done: Round[] = [];
    const add = (foreign: number): boolean => {
      done.push(round(1, 1, foreign));
      return needsAnother(done, RULE);
    };
    expect(needsAnother(done, RULE)).toBe(true);
    expect([add(0), add(0.5), add(0)]).toEqual([true, true, false]);
    done.length = 0;
    expect([add(0.5), add(0.5), add(0), add(0.5)]).toEqual([true, true, true, false]);
  });

  it('do not count, unless there are too few others: then it is said', () => {
    const rounds = [round(1, 1, 0.5), round(2, 1), round(3, 1)];
    expect(chooseRounds(rounds, RULE)).toEqual({
      rounds: [rounds[1], rounds[2]],
      voided: 1,
      isQuiet: true,
    });
    const busy = [round(1, 1, 0.9), round(2, 1, 0.3), round(3, 1), round(4, 1, 0.8)];
    expect(chooseRounds(busy, RULE)).toEqual({
      rounds: [busy[2], busy[1]],
      voided: 3,
      isQuiet: false,
    });
  });
});

describe('ratios', () => {
  it('are of throughput or of median latency, each round by itself', () => {
    expect(ratioOf(round(300, 100), 'throughput')).toBe(3);
    expect(ratioOf(round(300, 100), 'latency')).toBeCloseTo(1 / 3);
    expect(cpuRatioOf(round(300, 145))).toBe(2);
  });

  it('of a row are the median of the ratios, not the ratio of the medians', () => {
    const rounds = [round(100, 100), round(400, 100), round(300, 200)];
    const figures = rowFigures(ROWS['raw-put-256'], { rounds, voided: 0, isQuiet: true });
    expect(figures.ratio).toEqual({ median: 1.5, min: 1, max: 4 });
    expect(figures.ours.operationsPerSecond).toBe(300);
    expect(figures.peer.operationsPerSecond).toBe(100);
  });

  it('go with medians of every process', () => {
    const figures = medianFigures([side(1), side(5), side(3)]);
    expect(figures.cpuMicros).toEqual({ client: 10, 'store-1': 3 });
    expect(figures.fsyncs).toBeUndefined();
    expect(figures.writes).toBe(1);
  });
});
