import { ManualClock } from '@tinykv/base/testing';
import { describe, expect, it } from 'vitest';
import { MemoryGroup, SharedLog } from '../tests/support/memory-group.js';
import { IdAllocator } from './id-alloc.js';

describe('IdAllocator', () => {
  it('counts from 1, over windows and concurrent requests', async () => {
    const clock = new ManualClock();
    const group = new MemoryGroup(clock);
    group.lead();
    const ids = new IdAllocator(group);
    const all = Promise.all(Array.from({ length: 900 }, (_, i) => ids.allocateMany(1 + (i % 3))));
    const flat = (await clock.runUntil(all)).flat();
    expect(flat).toEqual(Array.from({ length: 1800 }, (_, i) => i + 1));
    expect(group.state.idBound).toBe(2000);
  });

  it('skips to the next window after a restart', async () => {
    const clock = new ManualClock();
    const group = new MemoryGroup(clock);
    group.lead();
    expect(await clock.runUntil(new IdAllocator(group).allocate())).toBe(1);
    group.restart();
    group.lead();
    expect(await clock.runUntil(new IdAllocator(group).allocate())).toBe(1001);
  });

  it('never shares a window between two leaders', async () => {
    const clock = new ManualClock();
    const log = new SharedLog();
    const [a, b] = [new MemoryGroup(clock, log), new MemoryGroup(clock, log)];
    a.lead();
    const [idsA, idsB] = [new IdAllocator(a), new IdAllocator(b)];
    const seen = new Set<number>();
    const take = async (ids: IdAllocator): Promise<void> => {
      for (const id of await clock.runUntil(ids.allocateMany(7))) {
        expect(seen.has(id)).toBe(false);
        seen.add(id);
      }
    };
    await take(idsA);
    // A pauses, B leads, A thaws and uses up what it had, but gets no further window.
    b.lead();
    await take(idsB);
    await take(idsA);
    a.catchUp();
    b.lead();
    await take(idsB);
    const refused = idsA.allocateMany(250).then(() => idsA.allocateMany(250));
    const rest = refused.then(() => idsA.allocateMany(250)).then(() => idsA.allocateMany(250));
    await expect(clock.runUntil(rest)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('refuses while there is no leader, then recovers', async () => {
    const clock = new ManualClock();
    const group = new MemoryGroup(clock);
    const ids = new IdAllocator(group);
    await expect(clock.runUntil(ids.allocate())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(ids.tryAllocate()).toBeUndefined();
    group.lead();
    await clock.settle();
    expect(ids.tryAllocate()).toBe(1);
    expect(await clock.runUntil(ids.allocate())).toBe(2);
  });
});
