import { isDeepStrictEqual } from 'node:util';
import { runs } from '@tinykv/base/testing/fuzz';
import type { Entry, GroupUpdate, HardState, LogPosition, RaftLog } from '@tinykv/raft';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RaftLogUnderTest } from './targets.js';

/** A group as plainly as it can be said: every term from the truncated point on. */
interface ModelGroup {
  readonly hardState: HardState;
  readonly truncated: LogPosition;
  readonly terms: readonly number[];
  readonly durableApplied: number;
}

type Model = Map<number, ModelGroup>;

/** Random numbers of one change; what they come to depends on the state that they meet. */
interface Draw {
  readonly kind: 'append' | 'append' | 'truncate' | 'apply' | 'vote' | 'reset' | 'destroy';
  readonly group: number;
  readonly a: number;
  readonly b: number;
}

const draw: fc.Arbitrary<Draw> = fc.record({
  kind: fc.constantFrom('append', 'append', 'truncate', 'apply', 'vote', 'reset', 'destroy'),
  group: fc.integer({ min: 1, max: 3 }),
  a: fc.nat(20),
  b: fc.nat(5),
});

const step = fc.oneof(
  { weight: 8, arbitrary: fc.array(draw, { minLength: 1, maxLength: 4 }) },
  { weight: 1, arbitrary: fc.constant('reopen' as const) },
  {
    weight: 1,
    arbitrary: fc.record({
      doomed: fc.array(draw, { minLength: 1, maxLength: 4 }),
      percent: fc.nat(100),
    }),
  },
);

/** Random histories against the model. */
export function raftLogModelTests(name: string, make: () => Promise<RaftLogUnderTest>): void {
  describe(`${name} against a model`, () => {
    it('agrees on any history', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 25, size: 'max' }), async (steps) => {
          const target = await make();
          let model: Model = new Map();
          let { log } = target;
          await log.open();
          try {
            for (const draws of [...steps, 'reopen' as const]) {
              if (draws === 'reopen') {
                log = await target.reopen();
                expect(modelOf(await log.open())).toEqual(model);
              } else if (!('doomed' in draws)) {
                await log.append(draws.map((d) => change(model, d)));
              } else if (target.crashIn !== undefined) {
                const after = new Map(model);
                const updates = draws.doomed.map((d) => change(after, d));
                const dying = log;
                log = await target.crashIn(() => dying.append(updates), draws.percent / 100);
                const found = modelOf(await log.open());
                // All of the append or nothing of it.
                expect(found).toEqual(isDeepStrictEqual(found, model) ? model : after);
                model = found;
              }
              await checkReads(log, model);
            }
          } finally {
            await target.cleanup();
          }
        }),
        runs(20),
      );
    });
  });
}

const NEW_GROUP: ModelGroup = {
  hardState: { term: 0, vote: 0, commit: 0 },
  truncated: { index: 0, term: 0 },
  terms: [],
  durableApplied: 0,
};

function lastIndex(group: ModelGroup): number {
  return group.truncated.index + group.terms.length;
}

/** Turns a draw into an update that is allowed now, and does the same to the model. */
function change(model: Model, { kind, group, a, b }: Draw): GroupUpdate {
  const before = model.get(group) ?? NEW_GROUP;
  const last = lastIndex(before);
  if (kind === 'destroy') {
    model.delete(group);
    return { group, destroy: true };
  }
  if (kind === 'reset') {
    const reset = { index: Math.max(last + a - 10, 0), term: 100 + a };
    const hardState = { ...before.hardState, commit: reset.index };
    const durableApplied = reset.index;
    model.set(group, { hardState, truncated: reset, terms: [], durableApplied });
    return { group, reset, hardState, durableApplied };
  }
  if (kind === 'truncate') {
    const count = Math.min(a, before.terms.length);
    if (count === 0) return { group, ...keep(model, group, before) };
    const truncate = { index: before.truncated.index + count, term: before.terms[count - 1]! };
    model.set(group, { ...before, truncated: truncate, terms: before.terms.slice(count) });
    return { group, truncate };
  }
  if (kind === 'apply') {
    const durableApplied = Math.max(before.durableApplied, last - a);
    model.set(group, { ...before, durableApplied });
    return { group, durableApplied };
  }
  if (kind === 'vote') {
    const commit = Math.max(before.hardState.commit, last - a);
    const hardState = { term: before.hardState.term + b, vote: b, commit };
    model.set(group, { ...before, hardState });
    return { group, hardState };
  }
  return append(model, group, before, a, b);
}

function append(
  model: Model,
  group: number,
  before: ModelGroup,
  a: number,
  b: number,
): GroupUpdate {
  // What is committed or applied is never replaced.
  const floor = Math.max(before.truncated.index, before.hardState.commit, before.durableApplied);
  const first = Math.max(floor, lastIndex(before) - b) + 1;
  const kept = before.terms.slice(0, first - 1 - before.truncated.index);
  const term = (kept.at(-1) ?? before.truncated.term) + (b % 3);
  const added = Array.from({ length: a + 1 }, (_, i) => term + Math.floor(i / 4));
  model.set(group, { ...before, terms: [...kept, ...added] });
  const entries = added.map(
    (entryTerm, i): Entry => ({
      term: entryTerm,
      index: first + i,
      type: 'EntryNormal',
      data: Uint8Array.from([entryTerm & 0xff, i]),
    }),
  );
  return { group, entries };
}

/** An update that changes nothing but makes the group known. */
function keep(model: Model, group: number, before: ModelGroup): { durableApplied: number } {
  model.set(group, before);
  return { durableApplied: before.durableApplied };
}

/** What was recovered, in the model's terms. */
function modelOf(recovered: Awaited<ReturnType<RaftLog['open']>>): Model {
  const found = recovered.map(({ group, termRuns, lastIndex: last, ...rest }) => {
    const { truncated } = rest;
    const terms: number[] = [];
    for (let i = truncated.index + 1; i <= last; i++) {
      terms.push(termRuns.findLast(({ first }) => first <= i)?.term ?? -1);
    }
    const firsts = termRuns.map(({ first }) => first);
    expect(firsts.every((first) => first > truncated.index && first <= last)).toBe(true);
    expect(new Set(termRuns.map(({ term }) => term)).size).toBe(termRuns.length);
    return [group, { ...rest, terms }] as const;
  });
  return new Map(found);
}

async function checkReads(log: RaftLog, model: Model): Promise<void> {
  for (const [group, { truncated, terms }] of model) {
    if (terms.length === 0) continue;
    const first = truncated.index + 1;
    const found = await log.read(group, first, first + terms.length, Number.MAX_SAFE_INTEGER);
    expect(found.map(({ term, index }) => [term, index])).toEqual(
      terms.map((term, i) => [term, first + i]),
    );
  }
}
