import { Prng } from '@tinykv/base';
import { describe, expect, it } from 'vitest';
import { type EntryRun, EntryRuns } from './entry-runs.js';
import type { LogFile } from './log-files.js';
import { Segment } from './segment.js';
import { TermSpans } from './term-spans.js';

const SEGMENTS = 5;

function segments(): Segment[] {
  const file = { size: 1_000_000 } as LogFile;
  return Array.from({ length: SEGMENTS }, (_, number) => new Segment(number, `${number}`, file));
}

/** The same as {@link EntryRuns}, as a plain list. */
class Model {
  runs: EntryRun[] = [];

  cut(first: number): void {
    this.runs = this.runs
      .filter((run) => run.first < first)
      .map((run) => ({ ...run, end: Math.min(run.end, first) }));
  }

  dropThrough(index: number): void {
    this.runs = this.runs.filter(({ end }) => end > index + 1);
  }

  append(run: EntryRun): void {
    this.cut(run.first);
    this.runs.push(run);
  }

  move(at: number, run: EntryRun): void {
    this.runs[at] = run;
  }
}

describe('entry runs', () => {
  it('are those of a plain list after any history, and so is what lives in each segment', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const rng = new Prng(seed);
      const all = segments();
      const runs = new EntryRuns((number) => all[number]!);
      const model = new Model();
      // Also where first indexes do not fit 32 bits.
      let last = rng.int(0, 1) === 0 ? 5 : 2 ** 40;
      let place = 0;
      const placed = (first: number, end: number): EntryRun => {
        const segment = all[rng.int(0, SEGMENTS - 1)]!;
        const frame = { offset: ++place, bytes: 1_000 };
        return { segment, frame, first, end, start: rng.int(0, 99), bytes: rng.int(1, 50) };
      };
      for (let step = 0; step < 150; step++) {
        const lowest = model.runs[0]?.first ?? last + 1;
        const choice = rng.int(0, 9);
        if (choice <= 5) {
          const isReplaced = rng.int(0, 5) === 0;
          const first = isReplaced ? rng.int(lowest, last + 1) : last + 1;
          const run = placed(first, first + rng.int(1, 9));
          runs.append(run);
          model.append(run);
          last = run.end - 1;
        } else if (choice <= 7) {
          const index = rng.int(lowest - 1, last);
          runs.dropThrough(index);
          model.dropThrough(index);
        } else if (model.runs.length > 0) {
          const at = rng.int(0, model.runs.length - 1);
          const old = model.runs[at]!;
          const run = placed(rng.int(old.first, old.end - 1), old.end);
          runs.move(run);
          model.move(at, run);
        }
        expect(runs.over(0, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)).toEqual(model.runs);
      }
      for (const segment of all) {
        const live = model.runs.filter((run) => run.segment === segment);
        expect(segment.liveBytes).toBe(live.reduce((sum, { bytes }) => sum + bytes, 0));
      }
      runs.clear();
      expect(all.map(({ liveBytes }) => liveBytes)).toEqual(all.map(() => 0));
    }
  });

  it('take copies whose originals are gone, in whatever order they come', () => {
    const [segment] = segments();
    const runs = new EntryRuns(() => segment!);
    const run = (first: number, end: number): EntryRun => {
      return {
        segment: segment!,
        frame: { offset: first, bytes: 9 },
        first,
        end,
        start: 0,
        bytes: 1,
      };
    };
    runs.append(run(30, 40));
    runs.move(run(10, 20));
    runs.move(run(2, 10));
    runs.move(run(20, 30));
    const found = runs.over(0, 100, 100).map(({ first, end }) => [first, end]);
    expect(found).toEqual([
      [2, 10],
      [10, 20],
      [20, 30],
      [30, 40],
    ]);
    expect(runs.find(20, segment!, 20, 0)).toMatchObject({ first: 20, end: 30 });
    expect(runs.find(20, segment!, 21, 0)).toBeUndefined();
    expect(runs.find(21, segment!, 20, 0)).toBeUndefined();
    expect(runs.nextFrame(segment!, 11)).toBe(20);
    expect(runs.nextFrame(segment!, 31)).toBeUndefined();
  });
});

describe('term spans', () => {
  it('are the terms of the entries after any history', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const rng = new Prng(seed);
      const spans = new TermSpans();
      const model = new Map<number, number>();
      for (let step = 0; step < 60; step++) {
        const first = rng.int(1, 60);
        switch (rng.int(0, 3)) {
          case 0:
            spans.cut(first);
            for (const index of [...model.keys()]) if (index >= first) model.delete(index);
            break;
          case 1:
            spans.dropThrough(first - 40);
            for (const index of [...model.keys()]) if (index <= first - 40) model.delete(index);
            break;
          default: {
            const end = first + rng.int(1, 10);
            const term = rng.int(1, 3);
            spans.put({ first, end, term });
            for (let index = first; index < end; index++) model.set(index, term);
          }
        }
        const listed = spans.spans.flatMap((span) =>
          Array.from({ length: span.end - span.first }, (_, i) => [span.first + i, span.term]),
        );
        expect(listed).toEqual([...model].sort(([a], [b]) => a - b));
        for (const [i, span] of spans.spans.entries()) {
          const next = spans.spans[i + 1];
          expect(next?.first === span.end && next.term === span.term).toBe(false);
        }
      }
    }
  });
});
