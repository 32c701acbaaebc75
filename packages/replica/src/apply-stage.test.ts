import { MemoryBudget } from '@tinykv/base';
import { ManualClock } from '@tinykv/base/testing';
import type { Entry } from '@tinykv/raft';
import { makeMessage } from '@tinykv/raft';
import { describe, expect, it } from 'vitest';
import { ApplyStage } from './apply-stage.js';
import type { Group } from './group.js';

const HOLD_MS = 10;
const FENCED = 'fenced';

interface FakeGroup {
  readonly id: number;
  readonly budget: MemoryBudget;
  isLeader: boolean;
  destroyed: boolean;
  applied: number;
  onApplied(index: number): void;
}

function fakeGroup(id: number, isLeader = false): FakeGroup {
  return {
    id,
    budget: new MemoryBudget(1_000_000),
    isLeader,
    destroyed: false,
    applied: 0,
    onApplied(index): void {
      this.applied = index;
    },
  };
}

/** A stage whose batches are applied at once, and tell of themselves. */
class Fixture {
  readonly clock = new ManualClock();
  readonly batches: string[] = [];
  readonly stage = new ApplyStage({
    holdMs: HOLD_MS,
    after: (ms, fn) => this.clock.after(ms, fn),
    deliver: () => undefined,
    flush: () => undefined,
    applied: () => undefined,
    fenced: () => undefined,
    machine: {
      isFenced: ({ data }) => data.length === FENCED.length,
      apply: async (work) => {
        const text = work.map(({ group, entries }) => `${group.id}: ${entries.length}`);
        this.batches.push(text.join(', '));
      },
      applyFenced: async (group) => {
        this.batches.push(`${group.id}: fenced`);
      },
      fatal: (error) => {
        throw error;
      },
    },
  });

  /** The group has these entries to apply. */
  commit(group: FakeGroup, ...entries: readonly Entry[]): void {
    this.stage.add(group as unknown as Group, makeMessage({ type: 'MsgStorageApply', entries }));
    this.stage.kick();
  }
}

function plain(index: number, bytes = 3): Entry {
  return { index, term: 5, type: 'EntryNormal', data: new Uint8Array(bytes) };
}

async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}

describe('entries to apply', () => {
  it('gather at a follower, and are applied in one batch once the first has waited', async () => {
    const fixture = new Fixture();
    const one = fakeGroup(1);
    fixture.commit(one, plain(1));
    fixture.clock.advance(HOLD_MS - 1);
    fixture.commit(one, plain(2));
    await settle();
    expect(fixture.batches).toEqual([]);
    fixture.clock.advance(1);
    await settle();
    expect(fixture.batches).toEqual(['1: 2']);
    expect(one.applied).toBe(2);
  });

  it('are applied at once by a leader, those of the groups that follow with them', async () => {
    const fixture = new Fixture();
    const follower = fakeGroup(1);
    fixture.commit(follower, plain(1));
    fixture.commit(fakeGroup(2, true), plain(7));
    await settle();
    expect(fixture.batches).toEqual(['1: 1, 2: 1']);
  });

  it('are applied at once by a follower that has become leader', async () => {
    const fixture = new Fixture();
    const one = fakeGroup(1);
    fixture.commit(one, plain(1));
    one.isLeader = true;
    fixture.stage.kick();
    await settle();
    expect(fixture.batches).toEqual(['1: 1']);
  });

  it('do not wait in front of a fenced entry, nor behind it', async () => {
    const fixture = new Fixture();
    fixture.commit(fakeGroup(1), plain(1), plain(2, FENCED.length), plain(3));
    await settle();
    expect(fixture.batches).toEqual(['1: 1', '1: fenced', '1: 1']);
  });

  it('do not wait while somebody waits for the end of their work', async () => {
    const fixture = new Fixture();
    const one = fakeGroup(1);
    fixture.commit(one, plain(1));
    let idle = false;
    void fixture.stage.idle(one as unknown as Group).then(() => {
      idle = true;
    });
    await settle();
    expect(fixture.batches).toEqual(['1: 1']);
    expect(idle).toBe(true);
  });

  it('wait in bounded numbers of bytes', async () => {
    const fixture = new Fixture();
    const one = fakeGroup(1);
    fixture.commit(one, plain(1, 262_143));
    await settle();
    expect(fixture.batches).toEqual([]);
    fixture.commit(one, plain(2, 1));
    await settle();
    expect(fixture.batches).toEqual(['1: 2']);
  });

  it('do not wait while memory is tight: what is not applied is held', async () => {
    const fixture = new Fixture();
    const one = fakeGroup(1);
    one.budget.reserve(900_000);
    fixture.commit(one, plain(1));
    await settle();
    expect(fixture.batches).toEqual(['1: 1']);
  });

  it('that come while a batch is in flight wait anew', async () => {
    const fixture = new Fixture();
    const one = fakeGroup(1);
    fixture.commit(one, plain(1));
    fixture.clock.advance(HOLD_MS);
    fixture.commit(one, plain(2));
    await settle();
    expect(fixture.batches).toEqual(['1: 1']);
    fixture.clock.advance(HOLD_MS);
    await settle();
    expect(fixture.batches).toEqual(['1: 1', '1: 1']);
    expect(one.applied).toBe(2);
  });
});
