import { runs } from '@tinykv/base/testing/fuzz';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Latches } from './latches.js';

describe('Latches', () => {
  it('grants what is free and queues the rest in order of arrival', async () => {
    const latches = new Latches(10, 1_000_000);
    const log: string[] = [];
    const a = latches.acquire(['x', 'y'], 1)!;
    const b = latches.acquire(['y', 'z'], 1)!;
    const c = latches.acquire(['z'], 1)!;
    expect([a.held, b.held === undefined, c.held === undefined]).toEqual([undefined, false, false]);
    void b.held!.then(() => log.push('b'));
    void c.held!.then(() => log.push('c'));
    a.release();
    await Promise.resolve();
    expect(log).toEqual(['b']);
    b.release();
    await c.held;
    expect(log).toEqual(['b', 'c']);
    c.release();
    expect(latches.commands).toBe(0);
  });

  it('refuses more commands than its limit', () => {
    const latches = new Latches(2, 1_000_000);
    const first = latches.acquire(['x'], 1)!;
    latches.acquire(['x'], 1);
    expect(latches.acquire(['y'], 1)).toBeUndefined();
    first.release();
    expect(latches.acquire(['y'], 1)).toBeDefined();
  });

  it('asserts that a latch is released once, by its holder', () => {
    const latches = new Latches(3, 1_000_000);
    const first = latches.acquire(['x'], 1)!;
    const second = latches.acquire(['x'], 1)!;
    expect(() => second.release()).toThrow(/before it is held/);
    first.release();
    expect(() => first.release()).toThrow();
    expect(() => latches.acquire(['k', 'k'], 1)).toThrow(/twice/);
  });

  it('never lets two commands hold one key, keeps arrival order per key and never gets stuck', async () => {
    const names = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), {
      minLength: 0,
      maxLength: 4,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(names, { maxLength: 30 }),
        fc.infiniteStream(fc.nat(5)),
        async (commands, waits) => {
          const latches = new Latches(100, 1_000_000);
          const holders = new Map<string, number>();
          const lastGranted = new Map<string, number>();
          await Promise.all(
            commands.map(async (keys, id) => {
              const latch = latches.acquire(keys, 1)!;
              await latch.held;
              for (const key of keys) {
                expect(holders.get(key)).toBeUndefined();
                expect(lastGranted.get(key) ?? -1).toBeLessThan(id);
                holders.set(key, id);
                lastGranted.set(key, id);
              }
              for (let turns = waits.next().value!; turns > 0; turns--) await Promise.resolve();
              for (const key of keys) holders.delete(key);
              latch.release();
            }),
          );
          expect(latches.commands).toBe(0);
        },
      ),
      runs(300),
    );
  });
});
